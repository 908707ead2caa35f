/* SPDX-License-Identifier: MIT
 *
 * pdu: the upper layer's PDUs as structs (PS3.8 section 9.3).
 * Called by dicom/assoc on any thread; pure, allocates only in the given buf.
 * A parser never reads beyond its bytes and never trusts a length.
 * Decides nothing: what to accept is the caller's business.
 */
#ifndef WIRE_PDU_H
#define WIRE_PDU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/uid.h"

enum pdu_type {
	PDU_ASSOCIATE_RQ = 1,
	PDU_ASSOCIATE_AC = 2,
	PDU_ASSOCIATE_RJ = 3,
	PDU_DATA = 4,
	PDU_RELEASE_RQ = 5,
	PDU_RELEASE_RP = 6,
	PDU_ABORT = 7,
};

#define PDU_HEAD 6 /* bytes: type, reserved, length */
/* bytes: what our own request or answer takes at most. What we accept is
 * limits()->associate_size; OsiriX sends 27 KiB. */
#define PDU_ASSOCIATE_MAX (128 * 1024)
/* bytes, hard: what we accept is limits()->pdu_size, told to the peer. */
#define PDU_DATA_MAX (128 * 1024)
#define PDU_CONTEXTS_MAX 128 /* ids are odd 1..255, PS3.8 9.3.2.2 */
#define PDU_SYNTAXES_MAX 64 /* transfer syntaxes one context; rest unread */
#define PDU_ROLES_MAX 256 /* role items; PS3.7 has one a SOP class */
#define AE_SIZE 17 /* 16 characters and NUL, PS3.8 table 9-11 */
#define PDU_HEADROOM 12 /* bytes before the data of a P-DATA PDV */
#define PDU_APPLICATION_CONTEXT "1.2.840.10008.3.1.1.1"

/* items of A-ASSOCIATE-RQ and -AC, PS3.8 9.3.2 and 9.3.3 */
enum pdu_item {
	PDU_ITEM_APPLICATION = 0x10,
	PDU_ITEM_CONTEXT_RQ = 0x20,
	PDU_ITEM_CONTEXT_AC = 0x21,
	PDU_ITEM_ABSTRACT = 0x30,
	PDU_ITEM_SYNTAX = 0x40,
	PDU_ITEM_USER = 0x50,
	/* within the user item: PS3.8 annex D, PS3.7 D.3.3 */
	PDU_ITEM_MAX_LENGTH = 0x51,
	PDU_ITEM_IMPLEMENTATION = 0x52,
	PDU_ITEM_WINDOW = 0x53,
	PDU_ITEM_ROLE = 0x54,
	PDU_ITEM_VERSION_NAME = 0x55,
	PDU_ITEM_IDENTITY = 0x58,
};

/* result of a context in an A-ASSOCIATE-AC, PS3.8 table 9-18 */
enum pdu_context_result {
	PDU_CONTEXT_ACCEPTED = 0,
	PDU_CONTEXT_USER_REJECTED = 1,
	PDU_CONTEXT_NO_REASON = 2,
	PDU_CONTEXT_NO_ABSTRACT = 3,
	PDU_CONTEXT_NO_SYNTAX = 4,
};

struct pdu_context {
	uint8_t id;
	enum pdu_context_result result; /* AC only */
	char abstract[UID_SIZE]; /* RQ; "" in an AC */
	uint16_t n_syntaxes; /* AC: 1 when accepted */
	uint32_t first_syntax; /* index into pdu_associate.syntaxes */
	/* SCP/SCU role selection for the abstract syntax, PS3.7 D.3.3.4 */
	bool has_role;
	bool scu_role, scp_role;
};

/* A role selection item as it was read, PS3.7 D.3.3.4 */
struct pdu_role {
	char class_uid[UID_SIZE];
	bool scu, scp;
};

/* A-ASSOCIATE-RQ or -AC, PS3.8 9.3.2 and 9.3.3 */
struct pdu_associate {
	uint16_t version; /* bit 0 must be set */
	char called[AE_SIZE], calling[AE_SIZE]; /* outer blanks cut */
	char application_context[UID_SIZE];
	struct pdu_context *contexts; /* owned, n_contexts of them */
	unsigned n_contexts;
	char (*syntaxes)[UID_SIZE]; /* owned, all contexts' in order */
	uint32_t n_syntaxes;
	struct pdu_role *roles; /* owned; only ever read, see contexts */
	unsigned n_roles;
	uint32_t max_pdu; /* what the sender accepts; 0 = no limit */
	char implementation[UID_SIZE];
	char version_name[AE_SIZE];
	uint16_t max_invoked, max_performed; /* 0 when not negotiated */
	uint8_t n_identities; /* user identity items seen (PS3.7 D.3.3.7) */
};

struct pdu_reject {
	uint8_t result, source, reason; /* PS3.8 table 9-21 */
};

/* The type and body length of a PDU from its first six bytes. Returns -1
 * (ERR_PARSE) for an unknown type or a length that the type cannot have:
 * 68 to limits()->associate_size, 6 to limits()->pdu_size, exactly 4 for the
 * others. */
int pdu_parse_head(const uint8_t head[PDU_HEAD], enum pdu_type *ret_type,
    uint32_t *ret_length, struct err *e);

/* The body of an A-ASSOCIATE-RQ or -AC. On success ${ret} owns memory:
 * pdu_associate_done. Refuses (ERR_PARSE): even or repeated context ids,
 * contexts without abstract or transfer syntax, a request without contexts,
 * more than PDU_CONTEXTS_MAX, bad UIDs (but for the implementation's, which
 * then is ""), lengths past the end, more than one user identity item.
 * ERR_NOMEM. Unknown items are skipped (PS3.8 9.3.1), as are the syntaxes of
 * a context beyond PDU_SYNTAXES_MAX and those of one that was not accepted.
 * A missing application context is "". Role selection items of a request
 * are joined to every context of their SOP class; an answer names no
 * classes, so there they wait for pdu_match. */
int pdu_parse_associate(enum pdu_type type, const uint8_t *body, size_t n,
    struct pdu_associate *ret, struct err *e);
void pdu_associate_done(struct pdu_associate *a);

/* Hold the answer ${ac} against the request ${rq}: fill in the abstract
 * syntax of its contexts by their ids, and the roles that were both asked
 * for and granted. Refuses (ERR_PEER) a context that was not proposed, and
 * an accepted syntax that was not proposed for it. */
int pdu_match(struct pdu_associate *ac, const struct pdu_associate *rq,
    struct err *e);

/* Add a context, as proposer (${syntaxes} of ${n}) or, with ${n} 1 or 0, as
 * accepter; returns the new context, borrowed until the next call. ${a}
 * starts as {0}; ${id} is odd and new; ${abstract} may be NULL. */
struct pdu_context *pdu_add_context(struct pdu_associate *a, uint8_t id,
    const char *abstract, const char *const *syntaxes, unsigned n);
/* The ${i}th transfer syntax of ${c}, "" when it has fewer; borrowed until
 * the next pdu_add_context. */
const char *pdu_syntax(const struct pdu_associate *a,
    const struct pdu_context *c, unsigned i);

/* Append a whole PDU (head and body) to ${b}. Role items are written for
 * contexts with has_role, one for each SOP class. What the standard demands
 * and ${a} lacks is ours: version 1, application context, implementation.
 * User identity is never written. */
void pdu_format_associate(struct buf *b, enum pdu_type type,
    const struct pdu_associate *a);
void pdu_format_reject(struct buf *b, const struct pdu_reject *r);
void pdu_format_release(struct buf *b, enum pdu_type type);
void pdu_format_abort(struct buf *b, uint8_t source, uint8_t reason);

int pdu_parse_reject(const uint8_t *body, size_t n, struct pdu_reject *ret,
    struct err *e);
/* "called AE title not recognized (1/1/7)" and the like; PS3.8 table 9-21 */
const char *pdu_reject_text(const struct pdu_reject *r, char *dst,
    size_t size);

/* One presentation data value, PS3.8 9.3.5.1 and annex E.2 */
struct pdv {
	uint8_t context;
	bool is_command, is_last;
	const uint8_t *p; /* borrowed from the PDU */
	uint32_t n;
};
/* The next PDV of a P-DATA-TF body under ${c}: 1 found, 0 none left,
 * -1 ERR_PARSE (length below 2, or beyond the PDU). */
int pdu_next_pdv(struct cur *c, struct pdv *ret, struct err *e);

/* The 12 bytes before ${n} data bytes of a P-DATA-TF with one PDV. */
void pdu_format_pdv_head(uint8_t dst[PDU_HEADROOM], uint8_t context,
    bool is_command, bool is_last, uint32_t n);

#endif
