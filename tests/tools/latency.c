/* SPDX-License-Identifier: MIT */
/* How long one question takes, asked again and again on one association:
 * C-FIND until its final answer, or C-GET until the first object's command is
 * here. Prints median and 99th percentile in milliseconds, and the answers.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "dicom/assoc.h"
#include "dicom/dataset.h"
#include "wire/attrs.h"
#include "wire/classes.h"
#include "wire/scan.h"

#define WAIT_MS 60000

struct asking {
	const char *host, *called;
	uint16_t port;
	const char *patient, *date, *study, *class_uid;
	unsigned times, answers;
	bool get;
};

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static int
nothing(void *ctx, const void *p, size_t n, struct err *e) /* assoc_sink_fn */
{
	(void)ctx;
	(void)p;
	(void)n;
	(void)e;
	return 0;
}

static void
keys_of(const struct asking *q, struct attrs *keys)
{
	static const uint32_t wanted[] = {TAG_PATIENT_NAME, TAG_PATIENT_ID,
	    TAG_BIRTH_DATE, TAG_ACCESSION, TAG_STUDY_DESCRIPTION,
	    TAG_STUDY_DATE, TAG_STUDY_TIME, TAG_STUDY_UID, TAG_STUDY_ID,
	    TAG_STUDY_INSTANCES, TAG_MODALITIES};
	attrs_init(keys);
	attrs_put(keys, TAG_LEVEL, "STUDY");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]) &&
	    !q->get; i++)
		attrs_put(keys, wanted[i], "");
	if (q->patient != NULL)
		attrs_put(keys, TAG_PATIENT_ID, q->patient);
	if (q->date != NULL)
		attrs_put(keys, TAG_STUDY_DATE, q->date);
	if (q->study != NULL)
		attrs_put(keys, TAG_STUDY_UID, q->study);
}

/* Ask once; how long it took, or -1. */
static double
ask(struct asking *q, struct assoc *a, uint8_t id, struct err *e)
{
	struct attrs keys;
	struct buf b;
	struct assoc_context c;
	double took = -1;
	struct dimse rq = {.command = q->get ? DIMSE_C_GET_RQ :
	    DIMSE_C_FIND_RQ, .message_id = 7, .has_data = true};
	(void)str_copy(rq.class_uid, UID_SIZE, q->get ? CLASS_STUDY_GET :
	    CLASS_STUDY_FIND);
	keys_of(q, &keys);
	buf_init(&b, 1 << 20);
	int rc = assoc_context(a, id, &c) ? dataset_format(&keys, c.syntax,
	    &b, e) : err_set(e, ERR_PEER, 0, "no context");
	int64_t from = clock_uptime_ns();
	if (rc == 0)
		rc = assoc_send(a, id, &rq, b.p, b.len, e);
	q->answers = 0;
	while (rc == 0) {
		struct dimse d;
		uint8_t context = 0;
		if (assoc_receive(a, WAIT_MS, &d, &context, e) != 1)
			break;
		double now = (double)(clock_uptime_ns() - from) / 1e6;
		if (d.command == DIMSE_C_STORE_RQ && took < 0)
			took = now;
		if (d.has_data)
			rc = assoc_receive_data(a, WAIT_MS, nothing, NULL, e);
		if (d.command == DIMSE_C_STORE_RQ) {
			struct dimse rsp = dimse_response(&d, DIMSE_SUCCESS);
			rc = assoc_send(a, context, &rsp, NULL, 0, e);
			q->answers++;
		} else if (!dimse_is_pending(d.status)) {
			took = q->get ? took : now;
			break;
		} else {
			q->answers += !q->get;
		}
	}
	buf_done(&b);
	attrs_done(&keys);
	return rc == 0 ? took : -1;
}

static int
run(struct asking *q, struct err *e)
{
	const struct assoc_proposal p[] = {
	    {q->get ? CLASS_STUDY_GET : CLASS_STUDY_FIND, SYNTAX_EXPLICIT_LE,
	        false},
	    {q->class_uid, SYNTAX_EXPLICIT_LE, true},
	};
	struct assoc_ask how = {.implementation = "2.25.4711.2",
	    .host = q->host, .port = q->port,
	    .calling = "THEATRE6-IMAC", .called = q->called, .proposals = p,
	    .n_proposals = q->get ? 2 : 1};
	struct assoc *a = NULL;
	if (assoc_request(&a, &how, e) != 0)
		return -1;
	double *took = mem_new_n(double, q->times);
	unsigned n = 0;
	while (n < q->times && (took[n] = ask(q, a, 1, e)) >= 0)
		n++;
	assoc_release(&a);
	qsort(took, n, sizeof(took[0]), compare);
	if (n == q->times)
		(void)printf("%.3f %.3f %u\n", took[n / 2],
		    took[n * 99 / 100], q->answers);
	mem_free(took);
	return n == q->times ? 0 : -1;
}

static const char usage[] =
    "usage: latency [-c CALLED] [-n TIMES] [-p PATIENT] [-t DATES]\n"
    "               [-s STUDY [-g CLASS]] HOST PORT\n"
    "  -g CLASS  C-GET of STUDY, its objects being of CLASS\n";

int
main(int argc, char **argv)
{
	struct asking q = {.called = "UNDERSTUDY", .times = 200};
	struct err e;
	int c;
	while ((c = getopt(argc, argv, "c:n:p:t:s:g:")) != -1) {
		if (c == 'c')
			q.called = optarg;
		else if (c == 'n')
			q.times = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'p')
			q.patient = optarg;
		else if (c == 't')
			q.date = optarg;
		else if (c == 's')
			q.study = optarg;
		else if (c == 'g')
			q.class_uid = optarg;
		else
			return 2;
	}
	if (argc - optind != 2 || q.times == 0) {
		(void)fputs(usage, stderr);
		return 2;
	}
	q.get = q.class_uid != NULL;
	q.host = argv[optind];
	q.port = (uint16_t)strtoul(argv[optind + 1], NULL, 10);
	if (dataset_start(&e) == 0 && run(&q, &e) == 0)
		return 0;
	(void)fprintf(stderr, "latency: %s\n", e.msg);
	return 1;
}
