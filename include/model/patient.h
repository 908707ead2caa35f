/* SPDX-License-Identifier: MIT
 *
 * patient: is the person an archive answers with the person on the list?
 * Pure. DESIGN "Identity": the identifier is equal and nothing that both
 * sides state differs; what only one side states is "cannot tell".
 */
#ifndef MODEL_PATIENT_H
#define MODEL_PATIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "model/casefile.h"

enum agreement {
	AGREE_YES, /* at least birth date or family name stated by both */
	AGREE_ID_ONLY, /* equal identifier, nothing else to compare */
	AGREE_NO, /* something that both state differs */
};

/* Compare; ${reason} gets words without any identity in them: "birth date
 * differs", "identifier only: the archive states no birth date and no name",
 * "identifier, birth date and family name agree". Another sex is no
 * difference but is named in the reason ("sex differs: a warning"). */
enum agreement patient_agree(const struct patient *ours,
    const struct patient *theirs, char *reason, size_t size);

/* Whether objects that state ${name} and ${birth_date} are another patient's,
 * and in which words: nothing that both sides state may differ. The identifier
 * and its issuer are not compared: a PACS corrects them in its database, not
 * in the objects (PS3.17 YYYY). Never for a patient without an identifier. */
bool patient_is_other(const struct patient *ours, const char *name,
    const char *birth_date, char *reason, size_t size);

/* Whether an identifier may be asked for: not empty, at most 64 characters,
 * none of * ? \ or a control character (they would match other people). */
bool patient_id_is_safe(const char *id);

#endif
