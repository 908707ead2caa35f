/* SPDX-License-Identifier: MIT */
/* A-ASSOCIATE-RQ and -AC built and written, PS3.8 9.3.2 and 9.3.3. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "wire/pdu.h"

#define RESERVED_TAIL 32 /* bytes after the AE titles, PS3.8 table 9-11 */
/* stands where a refused context needs a syntax that nobody reads,
 * PS3.8 table 9-18 */
#define ANY_SYNTAX "1.2.840.10008.1.2"

struct pdu_context *
pdu_add_context(struct pdu_associate *a, uint8_t id, const char *abstract,
    const char *const *syntaxes, unsigned n)
{
	assert(id % 2 == 1 && a->n_contexts < PDU_CONTEXTS_MAX);
	assert(n <= PDU_SYNTAXES_MAX);
	a->contexts = mem_grow(a->contexts, a->n_contexts + 1,
	    sizeof(*a->contexts));
	struct pdu_context *k = &a->contexts[a->n_contexts++];
	*k = (struct pdu_context){
	    .id = id, .first_syntax = a->n_syntaxes, .n_syntaxes = (uint16_t)n};
	bool fits = str_copy(k->abstract, UID_SIZE,
	    abstract == NULL ? "" : abstract);
	if (n > 0)
		a->syntaxes = mem_grow(a->syntaxes, a->n_syntaxes + n,
		    UID_SIZE);
	for (unsigned i = 0; i < n; i++)
		fits = str_copy(a->syntaxes[a->n_syntaxes++], UID_SIZE,
		    syntaxes[i]) && fits;
	assert(fits);
	return k;
}

const char *
pdu_syntax(const struct pdu_associate *a, const struct pdu_context *c,
    unsigned i)
{
	return i < c->n_syntaxes ? a->syntaxes[c->first_syntax + i] : "";
}

/* Begin an item; the result is for end_item. */
static size_t
begin_item(struct buf *b, enum pdu_item type)
{
	buf_add_u8(b, (uint8_t)type);
	buf_add_u8(b, 0);
	buf_add_u16be(b, 0);
	return b->len;
}

static void
end_item(struct buf *b, size_t from)
{
	size_t n = b->len - from;
	if (n > UINT16_MAX)
		b->failed = true; /* never for what the door lets through */
	buf_put_u16be(b, from - 2, (uint16_t)n);
}

static void
add_text(struct buf *b, enum pdu_item type, const char *s)
{
	size_t from = begin_item(b, type);
	buf_add_str(b, s); /* UIDs are not padded here, PS3.8 annex F */
	end_item(b, from);
}

static void
add_title(struct buf *b, const char *s)
{
	size_t n = strnlen(s, AE_SIZE - 1);
	buf_add(b, s, n);
	buf_fill(b, ' ', AE_SIZE - 1 - n);
}

static void
add_context(struct buf *b, enum pdu_item type, const struct pdu_associate *a,
    const struct pdu_context *k)
{
	bool answers = type == PDU_ITEM_CONTEXT_AC;
	bool refused = answers && k->result != PDU_CONTEXT_ACCEPTED;
	size_t from = begin_item(b, type);
	buf_add_u8(b, k->id);
	buf_add_u8(b, 0);
	buf_add_u8(b, answers ? (uint8_t)k->result : 0);
	buf_add_u8(b, 0);
	if (!answers)
		add_text(b, PDU_ITEM_ABSTRACT, k->abstract);
	for (unsigned i = 0; !refused && i < k->n_syntaxes; i++)
		add_text(b, PDU_ITEM_SYNTAX, pdu_syntax(a, k, i));
	if (refused)
		add_text(b, PDU_ITEM_SYNTAX, ANY_SYNTAX);
	end_item(b, from);
}

/* The role item of the ${i}th context, unless an earlier one wrote it. */
static void
add_role(struct buf *b, const struct pdu_associate *a, unsigned i)
{
	const struct pdu_context *k = &a->contexts[i];
	if (!k->has_role || k->abstract[0] == '\0')
		return;
	for (unsigned j = 0; j < i; j++)
		if (a->contexts[j].has_role &&
		    str_eq(a->contexts[j].abstract, k->abstract))
			return;
	size_t from = begin_item(b, PDU_ITEM_ROLE);
	buf_add_u16be(b, (uint16_t)strlen(k->abstract));
	buf_add_str(b, k->abstract);
	buf_add_u8(b, k->scu_role);
	buf_add_u8(b, k->scp_role);
	end_item(b, from);
}

/* Sub-items in the order of their numbers, as everybody sends them. */
static void
add_user(struct buf *b, const struct pdu_associate *a)
{
	size_t user = begin_item(b, PDU_ITEM_USER);
	size_t from = begin_item(b, PDU_ITEM_MAX_LENGTH);
	buf_add_u32be(b, a->max_pdu);
	end_item(b, from);
	add_text(b, PDU_ITEM_IMPLEMENTATION, a->implementation[0] == '\0' ?
	    UID_IMPLEMENTATION : a->implementation);
	if (a->max_invoked != 0 || a->max_performed != 0) {
		from = begin_item(b, PDU_ITEM_WINDOW);
		buf_add_u16be(b, a->max_invoked);
		buf_add_u16be(b, a->max_performed);
		end_item(b, from);
	}
	for (unsigned i = 0; i < a->n_contexts; i++)
		add_role(b, a, i);
	if (a->version_name[0] != '\0')
		add_text(b, PDU_ITEM_VERSION_NAME, a->version_name);
	end_item(b, user);
}

void
pdu_format_associate(struct buf *b, enum pdu_type type,
    const struct pdu_associate *a)
{
	assert(type == PDU_ASSOCIATE_RQ || type == PDU_ASSOCIATE_AC);
	buf_add_u8(b, (uint8_t)type);
	buf_add_u8(b, 0);
	buf_add_u32be(b, 0);
	size_t from = b->len;
	buf_add_u16be(b, a->version == 0 ? 1 : a->version);
	buf_add_u16be(b, 0);
	add_title(b, a->called);
	add_title(b, a->calling);
	buf_fill(b, 0, RESERVED_TAIL);
	add_text(b, PDU_ITEM_APPLICATION, a->application_context[0] == '\0' ?
	    PDU_APPLICATION_CONTEXT : a->application_context);
	for (unsigned i = 0; i < a->n_contexts; i++)
		add_context(b, type == PDU_ASSOCIATE_RQ ? PDU_ITEM_CONTEXT_RQ :
		    PDU_ITEM_CONTEXT_AC, a, &a->contexts[i]);
	add_user(b, a);
	buf_put_u32be(b, from - 4, (uint32_t)(b->len - from));
}
