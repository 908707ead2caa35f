/* SPDX-License-Identifier: MIT */
/* What the archives list of a study, and what of it is here.
 *
 * DESIGN  A study that several archives list is what they list together; an
 * object's bytes are those that came first. Who cannot be asked takes nothing
 * away: what is here and nobody lists then counts as listed. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/patient.h"
#include "prefetch/prefetch_priv.h"

struct listing {
	struct fetch *f;
	char (*series)[UID_SIZE]; /* owned */
	unsigned n_series;
	unsigned now; /* series whose instances are asked for */
	unsigned archive; /* whose answer it is */
	struct ticket_line *lines; /* owned until the ticket takes them */
	unsigned n, cap;
	unsigned before; /* lines of other archives */
	unsigned bad; /* UIDs that are none */
	unsigned told; /* instances, as one archive counts them itself */
	bool one_class; /* what it says all instances are of, is known */
	char class_uid[UID_SIZE]; /* then this */
};

/* The archive's own count, and its classes: a list that is shorter was cut
 * (PS3.4 C.6.2.1.2). Where all are of one class it need not be asked for with
 * each instance, which costs some archives as long again. */
static int
on_study(void *ctx, const struct attrs *as, struct err *e)
{ /* archive_answer_fn */
	struct listing *l = ctx;
	const char *class_uid = attrs_value(as, TAG_CLASSES_IN_STUDY);
	int64_t n = 0;
	(void)e; /* what it does not tell is not known */
	if (str_to_i64(attrs_value(as, TAG_STUDY_INSTANCES), 0,
	    ARCHIVE_INSTANCES_MAX, &n) && (unsigned)n > l->told)
		l->told = (unsigned)n;
	l->one_class = uid_is_valid(class_uid); /* a list of them is none */
	if (l->one_class)
		(void)str_copy(l->class_uid, UID_SIZE, class_uid);
	return 0;
}

static int
on_series(void *ctx, const struct attrs *as, struct err *e)
{ /* archive_answer_fn */
	struct listing *l = ctx;
	const char *uid = attrs_value(as, TAG_SERIES_UID);
	if (!uid_is_valid(uid))
		return err_set(e, ERR_PEER, 0, "it lists a series whose UID "
		    "is not digits and dots");
	l->series = mem_grow(l->series, l->n_series + 1, UID_SIZE);
	(void)str_copy(l->series[l->n_series++], UID_SIZE, uid);
	return 0;
}

static int
on_instance(void *ctx, const struct attrs *as, struct err *e)
{ /* archive_answer_fn */
	struct listing *l = ctx;
	const char *uid = attrs_value(as, TAG_SOP_INSTANCE);
	const char *class_uid = attrs_value(as, TAG_SOP_CLASS);
	if (!uid_is_valid(uid)) { /* it counts, and can never come */
		l->bad++;
		return 0;
	}
	if (l->n - l->before >= ARCHIVE_INSTANCES_MAX)
		return err_set(e, ERR_PEER, 0,
		    "study: want at most %u instances", ARCHIVE_INSTANCES_MAX);
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 256 : 2 * l->cap;
		l->lines = mem_grow(l->lines, l->cap, sizeof(l->lines[0]));
	}
	struct ticket_line *t = &l->lines[l->n++];
	memset(t, 0, sizeof(*t));
	t->archives = UINT32_C(1) << l->archive;
	(void)str_copy(t->uid, UID_SIZE, uid);
	(void)str_copy(t->series_uid, UID_SIZE, l->series[l->now]);
	t->class_guessed = l->one_class;
	if (l->one_class)
		(void)str_copy(t->class_uid, UID_SIZE, l->class_uid);
	else if (uid_is_valid(class_uid))
		(void)str_copy(t->class_uid, UID_SIZE, class_uid);
	return 0;
}

static int
ask_study(struct listing *l, struct archive_link *a, struct err *e)
{
	struct attrs keys;
	l->one_class = false;
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, "STUDY");
	attrs_put(&keys, TAG_STUDY_UID, l->f->study_uid);
	attrs_put(&keys, TAG_CLASSES_IN_STUDY, "");
	attrs_put(&keys, TAG_STUDY_INSTANCES, "");
	int rc = archive_find(a, &keys, ARCHIVE_STUDIES_MAX, on_study, l, e);
	attrs_done(&keys);
	return rc;
}

/* The archive's list, series by series: the hierarchical form that every
 * archive answers (PS3.4 C.4.1.3.1.1). */
static int
list_instances(struct listing *l, struct archive_link *a, struct err *e)
{
	struct attrs keys;
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, "SERIES");
	attrs_put(&keys, TAG_STUDY_UID, l->f->study_uid);
	attrs_put(&keys, TAG_SERIES_UID, "");
	int rc = ask_study(l, a, e);
	if (rc == 0)
		rc = archive_find(a, &keys, ARCHIVE_SERIES_MAX, on_series, l,
		    e);
	attrs_put(&keys, TAG_LEVEL, "IMAGE");
	attrs_put(&keys, TAG_SOP_INSTANCE, "");
	if (!l->one_class)
		attrs_put(&keys, TAG_SOP_CLASS, "");
	for (l->now = 0; l->now < l->n_series && rc == 0; l->now++) {
		attrs_put(&keys, TAG_SERIES_UID, l->series[l->now]);
		rc = archive_find(a, &keys, ARCHIVE_INSTANCES_MAX, on_instance,
		    l, e);
		if (rc == 0 && atomic_load(&l->f->job.cancelled))
			rc = err_set(e, ERR_CANCELLED, 0, "told to stop");
	}
	attrs_done(&keys);
	return rc;
}

/* One archive's list. A list that broke off is none. */
static int
list_of(struct listing *l, unsigned archive, struct err *e)
{
	struct fetch *f = l->f;
	struct prefetch *p = f->p;
	struct archive_link *a = NULL;
	unsigned bad = l->bad;
	l->archive = archive;
	l->before = l->n;
	l->n_series = 0;
	/* to connect and to associate: two round trips of the network */
	int64_t from = clock_uptime_ns();
	int rc = archive_open(&a, &p->c.archives[archive], p->c.ae_title,
	    ARCHIVE_FIND, &f->stop, e);
	f->answer_ns[archive] = (clock_uptime_ns() - from) / 2;
	if (rc == 0)
		rc = list_instances(l, a, e);
	if (archive == f->archive)
		f->reached = a != NULL && archive_reached(a);
	archive_close(&a, rc == 0);
	if (rc == 0) {
		f->answered |= UINT32_C(1) << archive;
		return 0;
	}
	l->n = l->before; /* its own count stands: so many there are */
	l->bad = bad;
	return -1;
}

/* Whether ${archive} may list the study and can be asked: the first, and what
 * was told to list it and is up. */
static bool
is_asked(struct fetch *f, unsigned archive, uint32_t up)
{
	uint32_t bit = UINT32_C(1) << archive;
	if (archive == f->archive)
		return true;
	if ((f->archives & bit) == 0)
		return false;
	if ((up & bit) != 0 && lane_get_place(f, archive))
		return true;
	f->silent |= bit;
	return false;
}

/* Whether all were asked who may list an instance: then what none lists is
 * deleted there. */
static bool
all_were_asked(const struct fetch *f)
{
	struct prefetch *p = f->p;
	uint32_t all = (UINT32_C(1) << p->c.n_archives) - 1;
	if (f->silent != 0)
		return false;
	return p->c.n_archives == 1 || (f->archives != 0 &&
	    (all & ~f->answered & ~overview_up(&p->overview)) == 0);
}

/* Whether somebody was not asked who may list more, and is no neighbour whose
 * Mac may be off. */
static bool
is_one_left_out(const struct fetch *f)
{
	const struct prefetch_config *c = &f->p->c;
	uint32_t up = overview_up(&f->p->overview);
	bool out = false;
	for (unsigned i = 0; i < c->n_archives; i++)
		out |= !c->archives[i].optional &&
		    (f->answered >> i & 1) == 0 && (f->archives == 0 ||
		    (f->silent >> i & 1) != 0 || (up >> i & 1) == 0);
	return out;
}

int
inventory_list(struct fetch *f, struct err *e)
{
	struct prefetch *p = f->p;
	struct listing l = {.f = f};
	struct err ours;
	uint32_t up = overview_up(&p->overview);
	for (unsigned i = 0; i < p->c.n_archives &&
	    !atomic_load(&f->job.cancelled); i++) {
		if (!is_asked(f, i, up) || list_of(&l, i, &ours) == 0)
			continue;
		f->silent |= UINT32_C(1) << i;
		if (i == f->archive)
			f->first_e = ours;
		if (i == f->archive || f->silent == UINT32_C(1) << i)
			*e = ours;
		lane_leave_place(f, i);
	}
	int rc = f->answered != 0 ? 0 : -1; /* ${e} is set */
	if (atomic_load(&f->job.cancelled))
		rc = err_set(e, ERR_CANCELLED, 0, "told to stop");
	else if (rc == 0 && l.n + l.bad == 0)
		rc = err_set(e, ERR_PEER, 0,
		    "it lists no instance of this study");
	f->ticket.lines = l.lines;
	f->ticket.n_lines = l.n;
	f->n_bad = l.bad;
	ticket_sort(&f->ticket);
	/* who was not asked may have what was known before */
	if (l.told < f->known && is_one_left_out(f))
		l.told = f->known;
	f->n_counted = l.told;
	f->n_hidden = l.told > f->ticket.n_lines + l.bad ?
	    l.told - f->ticket.n_lines - l.bad : 0;
	mem_free(l.series);
	return rc;
}

struct held {
	struct fetch *f;
	bool all_asked;
	bool checks; /* is it the same? nothing else */
	bool differs;
	unsigned n_unlisted; /* here, and perhaps listed by who is silent */
	unsigned n_deleted; /* here, and listed by nobody any more */
	unsigned n_here;
	uint64_t bytes;
	/* objects that go: no more listed, or not whole; owned */
	uint8_t (*gone)[STORE_NAME_BYTES];
	unsigned n_gone, cap_gone;
	int rc;
	struct err *e;
};

/* To those who follow the study. */
static void
pass_on(struct fetch *f, const struct index_row *row)
{
	struct store_item it = {.object = {.length = row->length,
	    .offset = row->offset}};
	memcpy(it.object.name, row->name, sizeof(it.object.name));
	memcpy(it.object.digest, row->digest, sizeof(it.object.digest));
	(void)str_copy(it.series_uid, UID_SIZE, row->series_uid); /* valid */
	(void)str_copy(it.instance_uid, UID_SIZE, row->instance_uid);
	(void)str_copy(it.class_uid, UID_SIZE, row->class_uid);
	(void)str_copy(it.syntax, UID_SIZE, row->syntax);
	flow_put(&f->p->intake.flows, f->flow, &it);
}

static void
goes(struct held *h, const struct index_row *row)
{
	h->differs = true;
	if (h->checks)
		return;
	if (h->n_gone == h->cap_gone) {
		h->cap_gone = h->cap_gone == 0 ? 16 : 2 * h->cap_gone;
		h->gone = mem_grow(h->gone, h->cap_gone, STORE_NAME_BYTES);
	}
	memcpy(h->gone[h->n_gone++], row->name, STORE_NAME_BYTES);
}

/* The file of ${row}: 1 whole, 0 not; -1 when it cannot be read just now. The
 * digests of a ready study were verified when it became so. */
static int
is_whole(struct held *h, const struct index_row *row)
{
	struct store_object o = {.length = row->length,
	    .offset = row->offset};
	struct store_map m;
	memcpy(o.name, row->name, sizeof(o.name));
	memcpy(o.digest, row->digest, sizeof(o.digest));
	if (store_map(h->f->p->st, &o, !h->f->check, &m, h->e) != 0)
		return h->e->code == ERR_CORRUPT ? 0 : -1;
	store_unmap(&m);
	return 1;
}

/* What came when no case wanted it was compared with nobody. */
static bool
is_strangers(struct held *h, const struct index_row *row)
{
	struct ticket *k = &h->f->ticket;
	char reason[160];
	struct attrs as;
	struct err ignored; /* a blob that cannot be read states nothing */
	if (h->n_here > 0 || attrs_parse(row->patient_study.p,
	    row->patient_study.n, &as, &ignored) != 0)
		return false;
	bool other = patient_is_other(&k->patient,
	    attrs_value(&as, TAG_PATIENT_NAME),
	    attrs_value(&as, TAG_BIRTH_DATE), reason, sizeof(reason));
	attrs_done(&as);
	if (!other)
		return false;
	atomic_store(&k->stranger, true);
	(void)err_set(h->e, ERR_PEER, 0, "what is here is of another patient: "
	    "%s", reason);
	return true;
}

/* An object that is here already counts if it is listed and whole. One that
 * the archive has deleted meanwhile is withdrawn; one that cannot be read
 * just now may be whole, and ends this try. */
static bool
on_held(void *ctx, const struct index_row *row) /* index_row_fn */
{
	struct held *h = ctx;
	struct ticket_line *l = ticket_line(&h->f->ticket,
	    row->instance_uid);
	if (is_strangers(h, row)) {
		h->rc = -1;
		return false;
	}
	h->n_deleted += l == NULL && h->all_asked;
	int whole = l == NULL && h->all_asked ? 0 : is_whole(h, row);
	if (whole < 0) {
		h->rc = -1;
		return false;
	}
	if (whole == 0) {
		goes(h, row);
		return true;
	}
	if (l != NULL && l->here) /* one UID in two series: once counts */
		return true;
	bool given = l != NULL && l->in_flow;
	if (l != NULL)
		l->here = true;
	h->n_unlisted += l == NULL;
	h->n_here++;
	h->bytes += row->length;
	if (!h->checks && !given)
		pass_on(h->f, row);
	return true;
}

/* Rows first, then files: a crash in between leaves what the sweep takes. */
int
inventory_withdraw(struct prefetch *p, uint8_t (*names)[STORE_NAME_BYTES],
    unsigned n, struct err *e)
{
	unsigned lost = index_lost(p->ix);
	for (unsigned i = 0; i < n; i++)
		index_drop_object(p->ix, names[i]);
	if (n > 0 && index_confirm(p->ix, lost, e) != 0)
		return -1;
	for (unsigned i = 0; i < n; i++)
		if (store_remove(p->st, names[i], e) != 0)
			return -1;
	if (n > 0)
		log_info("prefetch.study.withdrawn", "instances=%u", n);
	return 0;
}

/* Look at all that is here of the study. */
static int
look(struct held *h, struct err *e)
{
	struct fetch *f = h->f;
	const char *uids[] = {f->study_uid};
	struct index_select sel = {.level = INDEX_INSTANCE,
	    .study_uids = uids, .n_study_uids = 1, .unready = true};
	struct index_reader *r = index_reader_open(f->p->ix, e);
	h->e = e;
	h->all_asked = all_were_asked(f);
	int rc = r == NULL ? -1 : index_select(r, &sel, on_held, h, e);
	index_reader_close(&r);
	return rc == 0 ? h->rc : -1;
}

/* Counted, and neither listed nor here. */
static unsigned
hidden(const struct held *h)
{
	return h->f->n_hidden > h->n_unlisted ?
	    h->f->n_hidden - h->n_unlisted : 0;
}

/* What is listed, and what is here beyond it. */
static void
tell(struct held *h)
{
	struct fetch *f = h->f;
	f->n_hidden = hidden(h);
	unsigned all = f->ticket.n_lines + f->n_bad + f->n_hidden +
	    h->n_unlisted;
	atomic_store(&f->ticket.n_here, h->n_here);
	atomic_store(&f->ticket.bytes, h->bytes);
	flow_list(&f->p->intake.flows, f->flow, all);
	atomic_store(&f->expected, all);
}

/* A list that has shrunk by more than a tenth, and that the archive's own count
 * does not confirm, is taken for a fault of the archive until a second look
 * finds the same. */
static bool
is_doubtful(const struct held *h)
{
	const struct fetch *f = h->f;
	return h->n_deleted > (h->n_here + h->n_deleted) / 10 &&
	    f->n_counted != f->ticket.n_lines + f->n_bad &&
	    f->doubted != f->ticket.n_lines;
}

int
inventory_is_same(struct fetch *f, struct err *e)
{
	struct held h = {.f = f, .checks = true};
	if (look(&h, e) != 0)
		return -1;
	if (is_doubtful(&h)) {
		f->doubtful = f->ticket.n_lines;
		return err_set(e, ERR_PEER, 0, "the archive lists %u images "
		    "less than it did: they stay until it says so twice",
		    h.n_deleted);
	}
	if (!h.differs && f->n_bad == 0 && hidden(&h) == 0 &&
	    h.n_here == f->ticket.n_lines + h.n_unlisted) {
		tell(&h);
		return 1;
	}
	for (unsigned i = 0; i < f->ticket.n_lines; i++)
		f->ticket.lines[i].here = false;
	return 0;
}

static void
on_given(void *ctx, const char *instance_uid) /* of flow_each */
{
	struct ticket_line *l = ticket_line(ctx, instance_uid);
	if (l != NULL)
		l->in_flow = true;
}

int
inventory_count(struct fetch *f, struct err *e)
{
	struct held h = {.f = f};
	flow_each(&f->p->intake.flows, f->flow, on_given, &f->ticket);
	int rc = look(&h, e);
	if (rc == 0) {
		tell(&h);
		rc = inventory_withdraw(f->p, h.gone, h.n_gone, e);
	}
	mem_free(h.gone);
	return rc;
}
