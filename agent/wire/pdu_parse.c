/* SPDX-License-Identifier: MIT */
/* A-ASSOCIATE-RQ and -AC read: items within items, PS3.8 9.3.2, 9.3.3. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "wire/pdu.h"

#define ITEM_HEAD 4 /* bytes: type, reserved, length */
#define RESERVED_TAIL 32 /* bytes after the AE titles, PS3.8 table 9-11 */

struct item {
	uint8_t type;
	struct cur body;
};

struct parse {
	struct pdu_associate a;
	uint8_t context_item; /* the one this PDU has */
	uint32_t syntax_room; /* elements of a.syntaxes */
	bool is_seen[256]; /* context ids */
};

/* The next item under ${c}: 1 found, 0 none left, -1 broken. */
static int
next_item(struct cur *c, struct item *ret, struct err *e)
{
	if (cur_left(c) == 0)
		return 0;
	ret->type = cur_u8(c);
	(void)cur_u8(c); /* reserved: not tested, PS3.8 9.3.1 */
	size_t n = cur_u16be(c);
	size_t left = cur_left(c);
	ret->body = cur_sub(c, n);
	if (c->failed)
		return err_set(e, ERR_PARSE, 0,
		    "associate item %02X: length: want at most %zu, have %zu",
		    ret->type, left, n);
	return 1;
}

static int
take_uid(const struct item *it, char dst[UID_SIZE], struct err *e)
{
	if (!uid_copy(dst, it->body.p, it->body.len))
		return err_set(e, ERR_PARSE, 0,
		    "associate item %02X: want a UID, have %zu other bytes",
		    it->type, it->body.len);
	return 0;
}

/* Text of at most 16 characters that ends at a NUL or with blanks. */
static void
take_title(char dst[AE_SIZE], const uint8_t *p, size_t n)
{
	const uint8_t *end = n == 0 ? NULL : memchr(p, '\0', n);
	if (end != NULL)
		n = (size_t)(end - p);
	(void)str_copy_n(dst, AE_SIZE, (const char *)p,
	    n < AE_SIZE ? n : AE_SIZE - 1); /* it fits */
	(void)str_trim(dst); /* returns dst */
}

static int
take_syntax(struct parse *x, struct pdu_context *k, const struct item *it,
    struct err *e)
{
	char uid[UID_SIZE];
	if (take_uid(it, uid, e) != 0)
		return -1;
	if (k->n_syntaxes == PDU_SYNTAXES_MAX)
		return 0; /* the accepter need not look at all of them */
	assert(x->a.n_syntaxes < x->syntax_room);
	memcpy(x->a.syntaxes[x->a.n_syntaxes++], uid, UID_SIZE);
	k->n_syntaxes++;
	return 0;
}

static int
take_sub_items(struct parse *x, struct pdu_context *k, struct cur *c,
    struct err *e)
{
	struct item it;
	int rc = next_item(c, &it, e);
	for (; rc > 0; rc = next_item(c, &it, e)) {
		if (it.type == PDU_ITEM_SYNTAX) {
			if (take_syntax(x, k, &it, e) != 0)
				return -1;
		} else if (it.type == PDU_ITEM_ABSTRACT &&
		    x->context_item == PDU_ITEM_CONTEXT_RQ) {
			if (k->abstract[0] != '\0')
				return err_set(e, ERR_PARSE, 0, "context %u: "
				    "want one abstract syntax, have more",
				    k->id);
			if (take_uid(&it, k->abstract, e) != 0)
				return -1;
		}
	}
	return rc;
}

static enum pdu_context_result
result_of(uint8_t v)
{
	/* only 0 accepts; a number that is not in the table refuses too */
	return v <= PDU_CONTEXT_NO_SYNTAX ? (enum pdu_context_result)v :
	    PDU_CONTEXT_NO_REASON;
}

static int
check_context(const struct parse *x, const struct pdu_context *k,
    struct err *e)
{
	bool asks = x->context_item == PDU_ITEM_CONTEXT_RQ;
	if (asks && k->abstract[0] == '\0')
		return err_set(e, ERR_PARSE, 0,
		    "context %u: want an abstract syntax, have none", k->id);
	if (k->n_syntaxes == 0 || (!asks && k->n_syntaxes != 1))
		return err_set(e, ERR_PARSE, 0,
		    "context %u: transfer syntaxes: want %s, have %u", k->id,
		    asks ? "some" : "one", k->n_syntaxes);
	return 0;
}

static int
take_context(struct parse *x, struct cur *c, struct err *e)
{
	uint8_t id = cur_u8(c);
	(void)cur_u8(c); /* reserved */
	uint8_t result = cur_u8(c);
	(void)cur_u8(c); /* reserved */
	if (c->failed)
		return err_set(e, ERR_PARSE, 0,
		    "context: want 4 bytes or more, have %zu", c->len);
	if (id % 2 == 0 || x->is_seen[id])
		return err_set(e, ERR_PARSE, 0,
		    "context: id: want an odd and new one, have %u", id);
	x->is_seen[id] = true;

	/* 128 ids are odd: the check above keeps the array's bound */
	struct pdu_context *k = &x->a.contexts[x->a.n_contexts++];
	k->id = id;
	k->first_syntax = x->a.n_syntaxes;
	if (x->context_item == PDU_ITEM_CONTEXT_AC) {
		k->result = result_of(result);
		if (k->result != PDU_CONTEXT_ACCEPTED)
			return 0; /* the rest has no meaning, 9.3.3.2 */
	}
	if (take_sub_items(x, k, c, e) != 0)
		return -1;
	return check_context(x, k, e);
}

static int
take_role(struct pdu_associate *a, struct cur *c, struct err *e)
{
	struct item uid = {.type = PDU_ITEM_ROLE};
	uid.body = cur_sub(c, cur_u16be(c));
	bool scu = cur_u8(c) != 0;
	bool scp = cur_u8(c) != 0;
	if (c->failed)
		return err_set(e, ERR_PARSE, 0,
		    "role: want a UID and 2 bytes, have %zu bytes", c->len);
	if (a->n_roles == PDU_ROLES_MAX)
		return err_set(e, ERR_PARSE, 0,
		    "roles: want at most %d, have more", PDU_ROLES_MAX);
	if (a->roles == NULL)
		a->roles = mem_try(PDU_ROLES_MAX * sizeof(*a->roles), e);
	if (a->roles == NULL)
		return -1;
	struct pdu_role *r = &a->roles[a->n_roles];
	*r = (struct pdu_role){.scu = scu, .scp = scp};
	if (take_uid(&uid, r->class_uid, e) != 0)
		return -1;
	a->n_roles++;
	return 0;
}

/* Refuse ${it} when its number is not ${n} bytes. */
static int
want_bytes(const struct item *it, size_t n, struct err *e)
{
	if (it->body.len != n)
		return err_set(e, ERR_PARSE, 0,
		    "associate item %02X: length: want %zu, have %zu",
		    it->type, n, it->body.len);
	return 0;
}

static int
take_user_item(struct pdu_associate *a, struct item *it, struct err *e)
{
	switch (it->type) {
	case PDU_ITEM_MAX_LENGTH:
		a->max_pdu = cur_u32be(&it->body);
		return want_bytes(it, 4, e);
	case PDU_ITEM_IMPLEMENTATION:
		/* only ever shown: a bad one is "" and no reason to refuse */
		(void)uid_copy(a->implementation, it->body.p, it->body.len);
		return 0;
	case PDU_ITEM_WINDOW:
		a->max_invoked = cur_u16be(&it->body);
		a->max_performed = cur_u16be(&it->body);
		return want_bytes(it, 4, e);
	case PDU_ITEM_ROLE:
		return take_role(a, &it->body, e);
	case PDU_ITEM_VERSION_NAME:
		take_title(a->version_name, it->body.p, it->body.len);
		return 0;
	case PDU_ITEM_IDENTITY:
		if (++a->n_identities > 1)
			return err_set(e, ERR_PARSE, 0,
			    "user identity: want at most 1, have more");
		return 0;
	default: /* extended negotiation and whatever comes later */
		return 0;
	}
}

static int
take_user(struct pdu_associate *a, struct cur *c, struct err *e)
{
	struct item it;
	int rc = next_item(c, &it, e);
	for (; rc > 0; rc = next_item(c, &it, e))
		if (take_user_item(a, &it, e) != 0)
			return -1;
	return rc;
}

static int
take_item(struct parse *x, struct item *it, struct err *e)
{
	if (it->type == x->context_item)
		return take_context(x, &it->body, e);
	if (it->type == PDU_ITEM_USER)
		return take_user(&x->a, &it->body, e);
	if (it->type == PDU_ITEM_APPLICATION)
		return take_uid(it, x->a.application_context, e);
	return 0; /* unknown: skipped, PS3.8 9.3.1 */
}

/* The part before the items, PS3.8 table 9-11. */
static int
take_fixed(struct pdu_associate *a, struct cur *c, struct err *e)
{
	a->version = cur_u16be(c);
	(void)cur_u16be(c); /* reserved */
	const uint8_t *called = cur_take(c, AE_SIZE - 1);
	const uint8_t *calling = cur_take(c, AE_SIZE - 1);
	(void)cur_take(c, RESERVED_TAIL); /* reserved */
	if (c->failed)
		return err_set(e, ERR_PARSE, 0,
		    "associate: want 68 bytes or more, have %zu", c->len);
	take_title(a->called, called, AE_SIZE - 1);
	take_title(a->calling, calling, AE_SIZE - 1);
	return 0;
}

/* Room for all that ${n} bytes of items can hold. */
static int
make_room(struct parse *x, size_t n, struct err *e)
{
	size_t most = n / (ITEM_HEAD + 1); /* a UID has a character */
	if (most > PDU_CONTEXTS_MAX * PDU_SYNTAXES_MAX)
		most = PDU_CONTEXTS_MAX * PDU_SYNTAXES_MAX;
	x->syntax_room = (uint32_t)most;
	x->a.contexts = mem_try(PDU_CONTEXTS_MAX * sizeof(*x->a.contexts), e);
	if (x->a.contexts == NULL)
		return -1;
	x->a.syntaxes = mem_try((most + 1) * UID_SIZE, e);
	return x->a.syntaxes == NULL ? -1 : 0;
}

static int
take_all(struct parse *x, struct cur *c, struct err *e)
{
	if (take_fixed(&x->a, c, e) != 0 || make_room(x, cur_left(c), e) != 0)
		return -1;
	struct item it;
	int rc = next_item(c, &it, e);
	for (; rc > 0; rc = next_item(c, &it, e))
		if (take_item(x, &it, e) != 0)
			return -1;
	if (rc == 0 && x->context_item == PDU_ITEM_CONTEXT_RQ &&
	    x->a.n_contexts == 0)
		return err_set(e, ERR_PARSE, 0,
		    "A-ASSOCIATE-RQ: contexts: want some, have none");
	return rc;
}

/* The last of the read role items for ${class_uid}, or NULL. */
static const struct pdu_role *
find_role(const struct pdu_associate *a, const char *class_uid)
{
	for (unsigned i = a->n_roles; i > 0; i--)
		if (str_eq(a->roles[i - 1].class_uid, class_uid))
			return &a->roles[i - 1];
	return NULL;
}

static void
join_role(const struct pdu_associate *a, struct pdu_context *k)
{
	const struct pdu_role *r = find_role(a, k->abstract);
	k->has_role = r != NULL;
	k->scu_role = r != NULL && r->scu;
	k->scp_role = r != NULL && r->scp;
}

int
pdu_parse_associate(enum pdu_type type, const uint8_t *body, size_t n,
    struct pdu_associate *ret, struct err *e)
{
	assert(type == PDU_ASSOCIATE_RQ || type == PDU_ASSOCIATE_AC);
	bool asks = type == PDU_ASSOCIATE_RQ;
	struct parse x = {
	    .context_item = asks ? PDU_ITEM_CONTEXT_RQ : PDU_ITEM_CONTEXT_AC};
	struct cur c = cur_of(body, n);
	if (take_all(&x, &c, e) != 0) {
		pdu_associate_done(&x.a);
		return -1;
	}
	for (unsigned i = 0; asks && i < x.a.n_contexts; i++)
		join_role(&x.a, &x.a.contexts[i]);
	*ret = x.a;
	return 0;
}

void
pdu_associate_done(struct pdu_associate *a)
{
	mem_free(a->contexts);
	mem_free(a->syntaxes);
	mem_free(a->roles);
	*a = (struct pdu_associate){0};
}

static const struct pdu_context *
find_context(const struct pdu_associate *a, uint8_t id)
{
	for (unsigned i = 0; i < a->n_contexts; i++)
		if (a->contexts[i].id == id)
			return &a->contexts[i];
	return NULL;
}

static bool
has_syntax(const struct pdu_associate *a, const struct pdu_context *k,
    const char *uid)
{
	for (unsigned i = 0; i < k->n_syntaxes; i++)
		if (str_eq(pdu_syntax(a, k, i), uid))
			return true;
	return false;
}

int
pdu_match(struct pdu_associate *ac, const struct pdu_associate *rq,
    struct err *e)
{
	for (unsigned i = 0; i < ac->n_contexts; i++) {
		struct pdu_context *k = &ac->contexts[i];
		const struct pdu_context *asked = find_context(rq, k->id);
		if (asked == NULL)
			return err_set(e, ERR_PEER, 0, "A-ASSOCIATE-AC: "
			    "context: want a proposed id, have %u", k->id);
		memcpy(k->abstract, asked->abstract, UID_SIZE);
		if (k->result == PDU_CONTEXT_ACCEPTED &&
		    !has_syntax(rq, asked, pdu_syntax(ac, k, 0)))
			return err_set(e, ERR_PEER, 0, "context %u: transfer "
			    "syntax: want a proposed one, have '%s'", k->id,
			    pdu_syntax(ac, k, 0));
		/* what was not asked for cannot be granted, PS3.7 D.3.3.4 */
		join_role(ac, k);
		k->has_role = k->has_role && asked->has_role;
		k->scu_role = k->scu_role && asked->scu_role;
		k->scp_role = k->scp_role && asked->scp_role;
	}
	return 0;
}
