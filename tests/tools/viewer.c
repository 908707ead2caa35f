/* SPDX-License-Identifier: MIT */
/* A DICOM viewer for tests, the demo and the bench: C-GET with one context a
 * (class, syntax), in rounds;
 * prints what came, or throws it away as fast as it comes. */
#include <getopt.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/assoc.h"
#include "dicom/dataset.h"
#include "prefetch/prefetch_priv.h"
#include "wire/attrs.h"
#include "wire/classes.h"
#include "wire/scan.h"


struct options {
	const char *calling, *called, *host, *series, *out;
	uint16_t port;
	const char *class_uid; /* of -1: only this one is proposed */
	bool discard, quiet;
	unsigned stop_after;
};

struct tally {
	unsigned n;
	uint64_t bytes;
	int64_t first_ns;
};

struct sink {
	EVP_MD_CTX *md;
	uint64_t n;
	FILE *file;
};

static int
on_bytes(void *ctx, const void *p, size_t n, struct err *e) /* assoc_sink_fn */
{
	struct sink *s = ctx;
	s->n += n;
	if (s->md != NULL)
		(void)EVP_DigestUpdate(s->md, p, n); /* memory only */
	if (s->file != NULL && fwrite(p, 1, n, s->file) != n)
		return err_set(e, ERR_IO, 0, "write");
	return 0;
}

static FILE *
open_out(const struct options *o, const char *uid)
{
	char path[1200];
	if (o->out == NULL)
		return NULL;
	(void)snprintf(path, sizeof(path), "%s/%s.ds", o->out, uid);
	return fopen(path, "wb");
}

static int
take_object(struct assoc *a, const struct options *o, const struct dimse *rq,
    uint8_t context, struct tally *t, struct err *e)
{
	struct assoc_context c;
	struct sink s = {.md = o->discard ? NULL : EVP_MD_CTX_new(),
	    .file = open_out(o, rq->instance_uid)};
	if (t->n == 0)
		t->first_ns = clock_uptime_ns();
	if (s.md != NULL)
		(void)EVP_DigestInit_ex(s.md, EVP_sha256(), NULL);
	int rc = assoc_receive_data(a, 60000, on_bytes, &s, e);
	if (rc == 0 && !o->discard && !o->quiet &&
	    assoc_context(a, context, &c)) {
		unsigned char md[32];
		char hex[65];
		(void)EVP_DigestFinal_ex(s.md, md, NULL);
		str_hex(hex, md, sizeof(md));
		(void)printf("%s %s %llu %s\n", rq->instance_uid, c.syntax,
		    (unsigned long long)s.n, hex);
	}
	EVP_MD_CTX_free(s.md);
	if (s.file != NULL)
		(void)fclose(s.file);
	t->n++;
	t->bytes += s.n;
	struct dimse rsp = dimse_response(rq, DIMSE_SUCCESS);
	(void)str_copy(rsp.instance_uid, UID_SIZE, rq->instance_uid);
	return rc == 0 ? assoc_send(a, context, &rsp, NULL, 0, e) : -1;
}

static int
serve(struct assoc *a, const struct options *o, struct tally *t,
    uint16_t *ret_status, struct err *e)
{
	for (;;) {
		struct dimse d;
		uint8_t context = 0;
		int rc = assoc_receive(a, 60000, &d, &context, e);
		if (rc != 1)
			return rc < 0 ? -1 : err_set(e, ERR_NET, 0,
			    "the node left");
		if (d.command == DIMSE_C_STORE_RQ) {
			if (take_object(a, o, &d, context, t, e) != 0)
				return -1;
			if (t->n == o->stop_after)
				return 1;
			continue;
		}
		struct buf b;
		buf_init(&b, 1 << 20);
		if (d.has_data)
			(void)assoc_receive_buf(a, 60000, &b, e);
		buf_done(&b);
		if (dimse_is_pending(d.status))
			continue;
		*ret_status = d.status;
		return 0;
	}
}

static int
get(const struct options *o, const struct assoc_proposal *p, unsigned n,
    const char *study, struct tally *t, uint16_t *ret_status, struct err *e)
{
	struct assoc *a = NULL;
	struct assoc_ask ask = {.implementation = "2.25.4711.2",
	    .host = o->host, .port = o->port,
	    .calling = o->calling, .called = o->called, .proposals = p,
	    .n_proposals = n};
	if (assoc_request(&a, &ask, e) != 0)
		return -1;
	struct assoc_context c;
	struct attrs keys;
	struct buf b;
	buf_init(&b, 1 << 20);
	attrs_init(&keys);
	attrs_put(&keys, TAG_LEVEL, o->series != NULL ? "SERIES" : "STUDY");
	attrs_put(&keys, TAG_STUDY_UID, study);
	if (o->series != NULL)
		attrs_put(&keys, TAG_SERIES_UID, o->series);
	struct dimse rq = {.command = DIMSE_C_GET_RQ, .message_id = 7,
	    .has_data = true};
	(void)str_copy(rq.class_uid, UID_SIZE, CLASS_STUDY_GET);
	uint8_t id = assoc_find(a, CLASS_STUDY_GET, NULL);
	int rc = assoc_context(a, id, &c) ? 0 :
	    err_set(e, ERR_PEER, 0, "C-GET is not accepted");
	if (rc == 0)
		rc = dataset_format(&keys, c.syntax, &b, e);
	if (rc == 0)
		rc = assoc_send(a, id, &rq, b.p, b.len, e);
	if (rc == 0)
		rc = serve(a, o, t, ret_status, e);
	attrs_done(&keys);
	buf_done(&b);
	if (rc < 0)
		assoc_abort(&a);
	else
		assoc_release(&a); /* OsiriX's cancel, when in the middle */
	return rc < 0 ? -1 : 0;
}

/* Rounds of split contexts until one ends in success. */
static int
get_split(const struct options *o, const char *study, struct tally *t,
    uint16_t *ret_status, struct err *e)
{
	struct assoc_proposal p[PDU_CONTEXTS_MAX];
	p[0] = (struct assoc_proposal){CLASS_STUDY_GET, SYNTAX_EXPLICIT_LE,
	    false};
	for (unsigned round = 0;; round++) {
		unsigned n = classes_round(NULL, 0, "MR", round, p + 1);
		if (n == 0)
			return 0;
		if (get(o, p, n + 1, study, t, ret_status, e) != 0)
			return -1;
		if (*ret_status == DIMSE_SUCCESS || o->stop_after > 0)
			return 0;
	}
}

static int
one_round(const struct options *o, const char *study, unsigned round,
    struct tally *t, uint16_t *ret_status, struct err *e)
{
	struct assoc_proposal p[PDU_CONTEXTS_MAX];
	p[0] = (struct assoc_proposal){CLASS_STUDY_GET, SYNTAX_EXPLICIT_LE,
	    false};
	unsigned n = classes_round(&o->class_uid, o->class_uid != NULL, "MR",
	    round, p + 1);
	return get(o, p, n + 1, study, t, ret_status, e);
}

static const char usage[] =
    "usage: viewer [-a CALLING] [-c CALLED] [-d] [-q] [-1 [-k CLASS]]\n"
    "              [-r SERIES] [-o DIR] [-x N] HOST PORT STUDY...\n"
    "  -d  discard what comes and print a rate\n"
    "  -1  one association only, the likely classes, or only CLASS\n"
    "  -x  release after N objects\n";

static int
run(const struct options *o, bool once, const char *study)
{
	struct err e;
	struct tally t = {0};
	uint16_t status = 0xFFFF;
	char text[120];
	int64_t from = clock_uptime_ns();
	int rc = once ? one_round(o, study, 0, &t, &status, &e) :
	    get_split(o, study, &t, &status, &e);
	double s = (double)(clock_uptime_ns() - from) / 1e9;
	if (rc != 0) {
		(void)fprintf(stderr, "viewer: %s\n", e.msg);
		return 1;
	}
	if (o->discard)
		(void)printf("%.4f %u %llu\n", s, t.n,
		    (unsigned long long)t.bytes);
	(void)fprintf(stderr, "viewer: %u objects, %s\n", t.n,
	    dimse_status_text(status, text, sizeof(text)));
	return status == DIMSE_SUCCESS || o->stop_after > 0 ? 0 : 3;
}

int
main(int argc, char **argv)
{
	struct options o = {.calling = "THEATRE6-IMAC",
	    .called = "UNDERSTUDY"};
	struct err e;
	bool once = false;
	int c;
	while ((c = getopt(argc, argv, "a:c:dk:q1r:o:x:")) != -1) {
		if (c == 'a')
			o.calling = optarg;
		else if (c == 'c')
			o.called = optarg;
		else if (c == 'k')
			o.class_uid = optarg;
		else if (c == 'r')
			o.series = optarg;
		else if (c == 'o')
			o.out = optarg;
		else if (c == 'x')
			o.stop_after = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == '?')
			return 2;
		o.discard |= c == 'd';
		o.quiet |= c == 'q';
		once |= c == '1';
	}
	if (argc - optind < 3) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (dataset_start(&e) != 0) {
		(void)fprintf(stderr, "viewer: %s\n", e.msg);
		return 1;
	}
	o.host = argv[optind];
	o.port = (uint16_t)strtoul(argv[optind + 1], NULL, 10);
	int rc = 0;
	for (int i = optind + 2; i < argc && rc == 0; i++)
		rc = run(&o, once, argv[i]);
	return rc;
}
