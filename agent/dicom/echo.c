/* SPDX-License-Identifier: MIT */
/* C-ECHO as the one who asks. */
#include "base/str.h"
#include "dicom/echo.h"
#include "wire/classes.h"

int
echo_ask(struct assoc *a, int64_t wait_ms, struct err *e)
{
	struct dimse d = {.command = DIMSE_C_ECHO_RQ, .message_id = 1};
	uint8_t id = assoc_find(a, CLASS_VERIFICATION, NULL);
	(void)str_copy(d.class_uid, UID_SIZE, CLASS_VERIFICATION);
	if (id == 0)
		return 0;
	if (assoc_send(a, id, &d, NULL, 0, e) != 0)
		return -1;
	int rc = assoc_receive(a, wait_ms, &d, &id, e);
	return rc == 1 ? 0 : rc < 0 ? -1 : err_set(e, ERR_NET, 0,
	    "it left without an answer to C-ECHO");
}
