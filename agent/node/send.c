/* SPDX-License-Identifier: MIT */
/* One object to a viewer: from the file, as it came, if its digest holds.
 *
 * DESIGN  A small object is read whole and checked before its first byte
 * leaves. A large one leaves window by window, digested as it passes, and its
 * last fragment only if the digest holds: else the association is aborted,
 * for a message cannot be taken back. While the viewer works on one object
 * the next is read into the other of two buffers. What the viewer takes only
 * uncompressed goes through the decoder, which has all of it, checked, before
 * it gives any. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "base/str.h"
#include "dicom/decode.h"
#include "node/retrieve_priv.h"
#include "wire/scan.h"

#define WHOLE_MAX ((size_t)1 << 20) /* bytes; larger objects are streamed */
#define WINDOW ((size_t)768 * 1024) /* bytes of those in memory; smaller ones
                                    * wake the viewer more often */
#define SLOT_MIN ((size_t)256 * 1024) /* bytes; doubled as needed */

struct slot {
	uint8_t *p; /* owned, cap bytes */
	size_t cap;
	bool whole; /* all of this object is in it, checked: */
	uint8_t name[STORE_NAME_BYTES];
	uint8_t digest[STORE_DIGEST_BYTES];
	size_t n;
};

struct sender {
	struct node *node;
	struct slot slots[2];
	struct decoder *decoder; /* once needed */
	bool told; /* that something could not be decoded */
};

/* Where a data set comes from that is not in memory: store_read and
 * decoder_read by one name. */
struct source {
	int (*read)(void *ctx, void *p, size_t max, size_t *ret_n,
	    struct err *e);
	void *ctx;
	uint64_t left;
	bool failed; /* it, not the viewer, ended the sending */
	struct slot *window; /* through this */
};

struct sender *
sender_new(struct node *n)
{
	struct sender *s = mem_new(struct sender);
	s->node = n;
	return s;
}

void
sender_free(struct sender **pp)
{
	struct sender *s = *pp;
	*pp = NULL;
	if (s == NULL)
		return;
	if (s->decoder != NULL)
		decoder_free(&s->decoder);
	mem_free(s->slots[0].p);
	mem_free(s->slots[1].p);
	mem_free(s);
}

void
send_failed(struct retrieval *r, const struct store_item *it)
{
	struct buf *b = &r->failed_uids;
	r->failed++;
	/* a list that is full ends before this one, not within it */
	if (b->len + 1 + strlen(it->instance_uid) < b->max)
		buf_addf(b, "%s%s", b->len > 0 ? "\\" : "", it->instance_uid);
}

/* Wait for the answer to our C-STORE. A viewer that cancels or releases in
 * between is taken at its word. 1 answered, 0 cancelled, -1 over. */
static int
await_answer(struct retrieval *r, uint16_t *ret_status, struct err *e)
{
	for (;;) {
		struct dimse d;
		uint8_t context = 0;
		int rc = assoc_receive(r->to, NODE_RSP_MS, &d, &context, e);
		if (rc == 0)
			return err_set(e, ERR_NET, 0, "the viewer left");
		if (rc < 0)
			return -1;
		if (d.command == DIMSE_C_STORE_RSP &&
		    d.message_id == r->message_id) {
			*ret_status = d.status;
			return 1;
		}
		if (d.command == DIMSE_C_CANCEL_RQ) {
			r->cancelled = true;
			continue; /* the answer in flight still comes */
		}
		return err_set(e, ERR_PEER, 0,
		    "want a C-STORE response, have %s",
		    dimse_command_name(d.command));
	}
}

static void
count(struct retrieval *r, const struct store_item *it, uint16_t status,
    uint64_t n)
{
	if (status == DIMSE_SUCCESS) {
		r->sent++;
	} else if (dimse_is_warning(status)) {
		r->warned++;
	} else {
		send_failed(r, it);
		return;
	}
	stats_add(STAT_OBJECTS_SERVED, 1);
	stats_add(STAT_BYTES_SERVED, (int64_t)n);
}

/* It was evicted after it was listed: its row goes before its file. */
static bool
has_left(struct retrieval *r, const struct store_item *it)
{
	uint64_t length = 0;
	uint32_t offset = 0;
	struct err ignored; /* then it counts as damaged */
	struct index_reader *own = NULL;
	struct index_reader *reader = r->s != NULL ?
	    session_reader(r->s, &ignored) : NULL;
	if (r->s == NULL)
		reader = own = index_reader_open(r->node->ix, &ignored);
	bool left = reader != NULL && index_find_object(reader,
	    it->object.name, &length, &offset, &ignored) == 0;
	index_reader_close(&own);
	return left;
}

/* Say why ${it} could not be read, and have it fetched anew if it is bad. */
static void
tell_unread(struct retrieval *r, const struct store_item *it,
    const struct err *why)
{
	struct node *n = r->node;
	/* what the system failed to open may be whole (EMFILE) */
	if (why->code != ERR_CORRUPT) {
		log_warn("node.object.unread",
		    "error='%s' action=counted_as_failed", why->msg);
		return;
	}
	if (has_left(r, it))
		return;
	stats_add(STAT_OBJECTS_DAMAGED, 1);
	log_error("node.object.damaged", "error=%s", why->msg);
	n->ports.damaged(n->ports.ctx, it->study_uid, it->object.name,
	    why->msg);
}

static void
slot_reserve(struct slot *s, size_t n)
{
	size_t cap = s->cap > 0 ? s->cap : SLOT_MIN;
	while (cap < n)
		cap *= 2;
	s->whole = false;
	if (cap == s->cap)
		return;
	s->p = mem_grow(s->p, cap, 1);
	s->cap = cap;
}

/* All of a small object into ${s}, or nothing. */
static int
slot_load(struct slot *s, struct store *st, const struct store_object *o,
    struct err *e)
{
	struct store_reader *rd = NULL;
	size_t n = 0;
	slot_reserve(s, (size_t)o->length);
	if (store_read_begin(st, o, &rd, e) != 0)
		return -1;
	int rc = store_read(rd, s->p, (size_t)o->length, &n, e);
	store_read_end(&rd);
	if (rc != 0)
		return -1;
	s->n = n;
	s->whole = true;
	memcpy(s->name, o->name, sizeof(s->name));
	memcpy(s->digest, o->digest, sizeof(s->digest));
	return 0;
}

static bool
slot_has(const struct slot *s, const struct store_object *o)
{
	return s->whole && memcmp(s->name, o->name, sizeof(s->name)) == 0 &&
	    memcmp(s->digest, o->digest, sizeof(s->digest)) == 0;
}

/* While the viewer works: the next one into ${s}, if it will go out as it is.
 * What fails is tried again, and told, in its turn. */
static void
read_ahead(struct retrieval *r, struct slot *s,
    const struct store_item *next)
{
	struct err ignored; /* see above */
	if (next == NULL || next->object.length > WHOLE_MAX ||
	    assoc_find(r->to, next->class_uid, next->syntax) == 0)
		return;
	(void)slot_load(s, r->node->st, &next->object, &ignored); /* see up */
}

static struct dimse
command_of(struct retrieval *r, const struct store_item *it)
{
	struct dimse d = {.command = DIMSE_C_STORE_RQ, .has_data = true,
	    .message_id = ++r->message_id};
	(void)str_copy(d.class_uid, UID_SIZE, it->class_uid);
	(void)str_copy(d.instance_uid, UID_SIZE, it->instance_uid);
	if (r->is_move && r->s != NULL) { /* PS3.7 9.1.1.1 */
		(void)str_copy(d.originator, AE_SIZE,
		    assoc_calling(r->s->a));
		d.originator_id = r->rq->message_id;
	}
	return d;
}

/* The next window of ${src}. */
static int
fill_window(struct source *src, size_t *ret_n, struct err *e)
{
	size_t n = 0;
	src->failed = true; /* unless all goes well */
	if (src->read(src->ctx, src->window->p, WINDOW, &n, e) != 0)
		return -1;
	if (n > src->left || (n == 0 && src->left > 0))
		return err_set(e, ERR_IO, 0, "an object's end is not where "
		    "it was said to be");
	src->left -= n;
	src->failed = false;
	*ret_n = n;
	return 0;
}

/* Send what ${src} gives. 0 sent; 1 it gives nothing, and nothing has left;
 * -1 the association is over. */
static int
send_source(struct retrieval *r, const struct store_item *it,
    uint8_t context, struct source *src, struct err *e)
{
	size_t n = 0;
	slot_reserve(src->window, WINDOW);
	if (fill_window(src, &n, e) != 0)
		return 1;
	struct dimse d = command_of(r, it);
	if (assoc_send_begin(r->to, context, &d, e) != 0)
		return -1;
	for (;;) {
		bool last = src->left == 0;
		if (assoc_send_piece(r->to, src->window->p, n, last, e) != 0)
			return -1;
		if (last)
			return 0;
		if (fill_window(src, &n, e) != 0) {
			assoc_break(r->to); /* the viewer must not keep it */
			return -1;
		}
	}
}

static int
from_store(void *ctx, void *p, size_t max, size_t *ret_n, struct err *e)
{ /* source.read */
	return store_read(ctx, p, max, ret_n, e);
}

static int
from_decoder(void *ctx, void *p, size_t max, size_t *ret_n, struct err *e)
{ /* source.read */
	return decoder_read(ctx, p, max, ret_n, e);
}

/* An object in hand: how it is to leave. */
struct parcel {
	const struct store_item *it;
	uint8_t context;
	const char *syntax; /* of the context */
	struct slot *slot;
	uint64_t n; /* bytes that left */
};

/* The next three send it: 0 it has left, 1 it is a failed sub-operation and
 * nothing has left, -1 the association is over. */
static int
send_whole(struct retrieval *r, struct parcel *p, struct err *e)
{
	struct slot *s = p->slot;
	const struct store_object *o = &p->it->object;
	if (!slot_has(s, o) && slot_load(s, r->node->st, o, e) != 0) {
		tell_unread(r, p->it, e);
		return 1;
	}
	struct dimse d = command_of(r, p->it);
	p->n = s->n;
	return assoc_send(r->to, p->context, &d, s->p, s->n, e);
}

static int
send_large(struct retrieval *r, struct parcel *p, struct err *e)
{
	struct store_reader *rd = NULL;
	const struct store_object *o = &p->it->object;
	struct source src = {.read = from_store, .left = o->length,
	    .window = p->slot};
	src.failed = store_read_begin(r->node->st, o, &rd, e) != 0;
	src.ctx = rd;
	int rc = src.failed ? 1 : send_source(r, p->it, p->context, &src, e);
	if (src.failed)
		tell_unread(r, p->it, e);
	store_read_end(&rd);
	p->n = o->length;
	return rc;
}

/* All of the stored object to the decoder. 0; 1 it cannot be read, which was
 * told; -1 it cannot be decoded. */
static int
feed(struct retrieval *r, struct parcel *p, struct err *e)
{
	struct decoder *d = r->sender->decoder;
	const struct store_object *o = &p->it->object;
	struct store_reader *rd = NULL;
	size_t n = 0;
	int rc = -1;
	if (store_read_begin(r->node->st, o, &rd, e) != 0) {
		tell_unread(r, p->it, e);
		return 1;
	}
	if (decoder_begin(d, o->length, p->it->syntax, p->syntax, e) != 0)
		goto out;
	do {
		if (store_read(rd, p->slot->p, WINDOW, &n, e) != 0) {
			tell_unread(r, p->it, e);
			rc = 1;
			goto out;
		}
		if (n > 0 && decoder_feed(d, p->slot->p, n, e) != 0)
			goto out;
	} while (store_read_left(rd) > 0);
	rc = 0;
out:
	store_read_end(&rd);
	return rc;
}

static void
tell_undecoded(struct sender *s, const struct err *e)
{
	/* as a rule it is the same with all of a series */
	if (!s->told && e->code != ERR_CANCELLED)
		log_warn("node.object.undecoded",
		    "error='%s' action=counted_as_failed", e->msg);
	s->told = true;
}

static bool
is_stopping(void *ctx) /* decoder_set_stop */
{
	struct retrieval *r = ctx;
	return atomic_load(r->stopping);
}

static int
send_decoded(struct retrieval *r, struct parcel *p, struct err *e)
{
	struct sender *s = r->sender;
	struct source src = {.read = from_decoder, .window = p->slot};
	if (s->decoder == NULL) {
		s->decoder = decoder_new(r->node->decode_program);
		decoder_set_stop(s->decoder, is_stopping, r);
	}
	src.ctx = s->decoder;
	slot_reserve(p->slot, WINDOW);
	int rc = feed(r, p, e);
	if (rc == 0)
		rc = decoder_answer(s->decoder, &src.left, e);
	if (rc == 0) {
		p->n = src.left;
		rc = send_source(r, p->it, p->context, &src, e);
		if (src.failed)
			tell_undecoded(s, e);
	} else if (rc < 0) {
		tell_undecoded(s, e);
		rc = 1;
	}
	if (rc != 0) /* something is left in its pipes */
		decoder_drop(s->decoder);
	return rc;
}

/* The context in which the viewer takes ${p}->it, if it is decoded. */
static bool
find_decoded(struct retrieval *r, struct parcel *p)
{
	static const char *const plain[] = {SYNTAX_EXPLICIT_LE,
	    SYNTAX_IMPLICIT_LE, SYNTAX_EXPLICIT_BE};
	for (unsigned i = 0; i < 3; i++) {
		if (!decode_can(p->it->syntax, plain[i]))
			continue;
		p->syntax = plain[i];
		p->context = assoc_find(r->to, p->it->class_uid, plain[i]);
		if (p->context != 0)
			return true;
	}
	return false;
}

static int
send_parcel(struct retrieval *r, struct parcel *p, struct err *e)
{
	p->context = assoc_find(r->to, p->it->class_uid, p->it->syntax);
	if (p->context != 0)
		return p->it->object.length <= WHOLE_MAX ?
		    send_whole(r, p, e) : send_large(r, p, e);
	if (find_decoded(r, p))
		return send_decoded(r, p, e);
	r->unaccepted++;
	return 1;
}

/* It may have been held back since it was listed. */
static bool
is_withheld(const struct retrieval *r, const struct store_item *it)
{
	const struct node_ports *p = &r->node->ports;
	return p->withheld(p->ctx, it->study_uid);
}

int
send_item(struct retrieval *r, const struct store_item *it,
    const struct store_item *next, struct err *e)
{
	if (r->sender == NULL)
		r->sender = sender_new(r->node);
	struct slot *slots = r->sender->slots;
	unsigned at = slot_has(&slots[1], &it->object) ? 1 : 0;
	struct parcel p = {.it = it, .slot = &slots[at]};
	uint16_t status = 0;
	if (is_withheld(r, it)) {
		send_failed(r, it);
		return 0;
	}
	int rc = send_parcel(r, &p, e);
	if (rc == 1)
		send_failed(r, it);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	read_ahead(r, &slots[1 - at], next);
	if (await_answer(r, &status, e) != 1)
		return -1;
	count(r, it, status, p.n);
	return 0;
}
