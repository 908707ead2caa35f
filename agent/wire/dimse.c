/* SPDX-License-Identifier: MIT */
/* DIMSE command sets: Implicit VR Little Endian, PS3.7 6.3.1 and annex E. */
#include <string.h>

#include "base/str.h"
#include "wire/dimse.h"

/* elements of group 0000 by their number, PS3.7 E.1 */
enum element {
	GROUP_LENGTH = 0x0000,
	AFFECTED_CLASS = 0x0002,
	REQUESTED_CLASS = 0x0003,
	COMMAND = 0x0100,
	MESSAGE_ID = 0x0110,
	RESPONDED_TO = 0x0120,
	DESTINATION = 0x0600,
	PRIORITY = 0x0700,
	DATA_SET_TYPE = 0x0800,
	STATUS = 0x0900,
	COMMENT = 0x0902,
	AFFECTED_INSTANCE = 0x1000,
	REQUESTED_INSTANCE = 0x1001,
	REMAINING = 0x1020,
	COMPLETED = 0x1021,
	FAILED = 0x1022,
	WARNING = 0x1023,
	ORIGINATOR = 0x1030,
	ORIGINATOR_ID = 0x1031,
};

#define RESPONSE 0x8000 /* bit of a command that answers, PS3.7 E.1 */
#define DATA_FOLLOWS 0x0001 /* (0000,0800): as DCMTK; not DIMSE_NO_DATA */

static bool
is_response(uint16_t command)
{
	return (command & RESPONSE) != 0;
}

bool
dimse_is_request(const struct dimse *d)
{
	return !is_response(d->command);
}

/* Whether the message names the one it belongs to instead of itself. */
static bool
is_about_another(uint16_t command)
{
	return is_response(command) || command == DIMSE_C_CANCEL_RQ;
}

static void
add_head(struct buf *b, enum element el, uint32_t n)
{
	buf_add_u16le(b, 0); /* group */
	buf_add_u16le(b, (uint16_t)el);
	buf_add_u32le(b, n);
}

static void
add_u16(struct buf *b, enum element el, uint16_t v)
{
	add_head(b, el, 2);
	buf_add_u16le(b, v);
}

/* Values are of even length, filled with ${pad} (PS3.5 6.2). */
static void
add_text(struct buf *b, enum element el, const char *s, uint8_t pad)
{
	size_t n = strlen(s);
	if (n == 0)
		return;
	add_head(b, el, (uint32_t)(n + n % 2));
	buf_add(b, s, n);
	buf_fill(b, pad, n % 2);
}

static void
add_counts(struct buf *b, const struct dimse *d)
{
	if (dimse_is_pending(d->status) || d->status == DIMSE_CANCELLED)
		add_u16(b, REMAINING, d->remaining);
	add_u16(b, COMPLETED, d->completed);
	add_u16(b, FAILED, d->failed);
	add_u16(b, WARNING, d->warning);
}

/* The elements after the data set type. */
static void
add_rest(struct buf *b, const struct dimse *d)
{
	if (is_response(d->command)) {
		add_u16(b, STATUS, d->status);
		add_text(b, COMMENT, d->comment, ' ');
	}
	if (d->command == DIMSE_C_STORE_RQ || d->command == DIMSE_C_STORE_RSP)
		add_text(b, AFFECTED_INSTANCE, d->instance_uid, '\0');
	if (d->has_counts && (d->command == DIMSE_C_GET_RSP ||
	    d->command == DIMSE_C_MOVE_RSP))
		add_counts(b, d);
	if (d->command == DIMSE_C_STORE_RQ && d->originator[0] != '\0') {
		add_text(b, ORIGINATOR, d->originator, ' ');
		add_u16(b, ORIGINATOR_ID, d->originator_id);
	}
}

void
dimse_format(struct buf *b, const struct dimse *d)
{
	bool cancels = d->command == DIMSE_C_CANCEL_RQ;
	add_head(b, GROUP_LENGTH, 4);
	buf_add_u32le(b, 0);
	size_t from = b->len;
	if (!cancels)
		add_text(b, AFFECTED_CLASS, d->class_uid, '\0');
	add_u16(b, COMMAND, d->command);
	add_u16(b, is_about_another(d->command) ? RESPONDED_TO : MESSAGE_ID,
	    d->message_id);
	if (d->command == DIMSE_C_MOVE_RQ)
		add_text(b, DESTINATION, d->destination, ' ');
	if (dimse_is_request(d) && !cancels && d->command != DIMSE_C_ECHO_RQ)
		add_u16(b, PRIORITY, d->priority);
	add_u16(b, DATA_SET_TYPE, d->has_data ? DATA_FOLLOWS : DIMSE_NO_DATA);
	add_rest(b, d);
	buf_put_u32le(b, from - 4, (uint32_t)(b->len - from));
}

struct dimse
dimse_response(const struct dimse *rq, uint16_t status)
{
	struct dimse rsp = {
	    .command = rq->command | RESPONSE,
	    .message_id = rq->message_id,
	    .has_status = true,
	    .status = status,
	};
	memcpy(rsp.class_uid, rq->class_uid, UID_SIZE);
	if (rq->command == DIMSE_C_STORE_RQ)
		memcpy(rsp.instance_uid, rq->instance_uid, UID_SIZE);
	return rsp;
}

/* One element's value on its way into the struct. */
struct value {
	uint16_t el; /* enum element, or what the peer sent */
	const uint8_t *p;
	size_t n;
};

/* What is not in struct dimse but decides whether the message is whole. */
struct parse {
	struct dimse d;
	bool has_command, has_id, has_responded_to;
	uint16_t id, responded_to;
};

static int
take_uid(const struct value *v, char dst[UID_SIZE], struct err *e)
{
	if (v->n == 0)
		return 0;
	if (!uid_copy(dst, v->p, v->n))
		return err_set(e, ERR_PARSE, 0, "command (0000,%04X): "
		    "want a UID, have %zu other bytes", v->el, v->n);
	return 0;
}

/* Bytes of ${v} without padding; some peers end text with a NUL. */
static size_t
text_length(const struct value *v)
{
	const uint8_t *end = v->n == 0 ? NULL : memchr(v->p, '\0', v->n);
	size_t n = end == NULL ? v->n : (size_t)(end - v->p);
	while (n > 0 && v->p[n - 1] == ' ')
		n--;
	return n;
}

static int
take_title(const struct value *v, char dst[AE_SIZE], struct err *e)
{
	size_t skip = 0; /* leading blanks mean nothing, PS3.5 6.2 AE */
	size_t n = text_length(v);
	while (skip < n && v->p[skip] == ' ')
		skip++;
	/* a cut title would name somebody else */
	if (!str_copy_n(dst, AE_SIZE, (const char *)v->p + skip, n - skip))
		return err_set(e, ERR_PARSE, 0, "command (0000,%04X): want "
		    "at most 16 characters, have %zu", v->el, n - skip);
	return 0;
}

/* A number: ${ret_has} says whether it had a value. */
static int
take_u16(const struct value *v, uint16_t *ret, bool *ret_has, struct err *e)
{
	if (v->n == 0)
		return 0;
	if (v->n != 2)
		return err_set(e, ERR_PARSE, 0, "command (0000,%04X): "
		    "length: want 2, have %zu", v->el, v->n);
	*ret = (uint16_t)(v->p[0] | v->p[1] << 8);
	*ret_has = true;
	return 0;
}

static int
take_data_set_type(const struct value *v, struct dimse *d, struct err *e)
{
	uint16_t type = DIMSE_NO_DATA;
	bool has = false;
	if (take_u16(v, &type, &has, e) != 0)
		return -1;
	d->has_data = type != DIMSE_NO_DATA;
	return 0;
}

/* The numbers of responses. */
static int
take_count(const struct value *v, struct dimse *d, struct err *e)
{
	uint16_t *dst = v->el == REMAINING ? &d->remaining :
	    v->el == COMPLETED ? &d->completed :
	    v->el == FAILED ? &d->failed : &d->warning;
	return take_u16(v, dst, &d->has_counts, e);
}

static int
take_text(struct parse *x, const struct value *v, struct err *e)
{
	struct dimse *d = &x->d;
	switch (v->el) {
	case AFFECTED_CLASS:
	case REQUESTED_CLASS:
		return take_uid(v, d->class_uid, e);
	case AFFECTED_INSTANCE:
	case REQUESTED_INSTANCE:
		return take_uid(v, d->instance_uid, e);
	case DESTINATION:
		return take_title(v, d->destination, e);
	case ORIGINATOR:
		return take_title(v, d->originator, e);
	case COMMENT:
		(void)str_copy_n(d->comment, sizeof(d->comment),
		    (const char *)v->p, text_length(v)); /* cut is fine */
		return 0;
	default:
		return 0; /* unknown: skipped */
	}
}

static int
take_value(struct parse *x, const struct value *v, struct err *e)
{
	struct dimse *d = &x->d;
	bool has = false;
	switch (v->el) {
	case COMMAND:
		return take_u16(v, &d->command, &x->has_command, e);
	case MESSAGE_ID:
		return take_u16(v, &x->id, &x->has_id, e);
	case RESPONDED_TO:
		return take_u16(v, &x->responded_to, &x->has_responded_to, e);
	case PRIORITY:
		return take_u16(v, &d->priority, &has, e);
	case DATA_SET_TYPE:
		return take_data_set_type(v, d, e);
	case STATUS:
		return take_u16(v, &d->status, &d->has_status, e);
	case ORIGINATOR_ID:
		return take_u16(v, &d->originator_id, &has, e);
	case REMAINING:
	case COMPLETED:
	case FAILED:
	case WARNING:
		return take_count(v, d, e);
	default:
		return take_text(x, v, e);
	}
}

/* The next element under ${c}: 1 found, 0 none left, -1 broken. */
static int
next_value(struct cur *c, struct value *ret, struct err *e)
{
	if (cur_left(c) == 0)
		return 0;
	uint16_t group = cur_u16le(c);
	uint16_t el = cur_u16le(c);
	uint32_t n = cur_u32le(c);
	if (!c->failed && group != 0)
		return err_set(e, ERR_PARSE, 0,
		    "command (%04X,%04X): want group 0000", group, el);
	size_t left = cur_left(c);
	const uint8_t *p = cur_take(c, n);
	if (p == NULL)
		return err_set(e, ERR_PARSE, 0, "command (0000,%04X): "
		    "length: want at most %zu, have %u", el, left,
		    (unsigned)n);
	*ret = (struct value){.el = el, .p = p, .n = n};
	return 1;
}

/* Refuse what the standard calls mandatory and we cannot do without. */
static int
check(const struct parse *x, struct err *e)
{
	if (!x->has_command)
		return err_set(e, ERR_PARSE, 0,
		    "command: want (0000,0100), have none");
	bool other = is_about_another(x->d.command);
	if (other ? !x->has_responded_to : !x->has_id)
		return err_set(e, ERR_PARSE, 0, "%s: want (0000,%04X), "
		    "have none", dimse_command_name(x->d.command),
		    other ? RESPONDED_TO : MESSAGE_ID);
	if (x->d.command == DIMSE_C_STORE_RQ && x->d.instance_uid[0] == '\0')
		return err_set(e, ERR_PARSE, 0,
		    "C-STORE-RQ: want (0000,1000), have none");
	return 0;
}

int
dimse_parse(const uint8_t *p, size_t n, struct dimse *ret, struct err *e)
{
	struct parse x = {0};
	struct cur c = cur_of(p, n);
	struct value v;
	int rc = next_value(&c, &v, e);
	for (; rc > 0; rc = next_value(&c, &v, e))
		if (take_value(&x, &v, e) != 0)
			return -1;
	if (rc < 0 || check(&x, e) != 0)
		return -1;
	x.d.message_id = is_about_another(x.d.command) ? x.responded_to :
	    x.id;
	*ret = x.d;
	return 0;
}
