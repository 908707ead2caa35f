/* SPDX-License-Identifier: MIT */
/* The floor of the bench: the least that a C-GET of these files can cost with
 * one reply an image. Every file is mapped and every PDU head made before
 * the first request; then it is writev, and a wait for each reply. It checks
 * nothing and serves one client at a time. */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/sock.h"
#include "base/str.h"
#include "wire/classes.h"
#include "wire/dimse.h"
#include "wire/pdu.h"
#include "wire/scan.h"

#define FILES_MAX 20000
#define BATCH 64 /* PDVs a writev */
#define META_AT 144 /* preamble, DICM, group length element */

struct object {
	const uint8_t *p; /* the data set, mapped */
	size_t n;
	char class_uid[UID_SIZE], instance_uid[UID_SIZE];
	struct buf command; /* PDU with the C-STORE-RQ */
	uint8_t (*heads)[PDU_HEADROOM];
	struct iovec *iov; /* heads and pieces in turn */
	unsigned n_iov;
};

static struct object objects[FILES_MAX];
static unsigned n_objects;

/* A UI value of group 0002 by its element. */
static void
meta_uid(const uint8_t *p, size_t n, uint8_t element, char *dst)
{
	for (size_t i = 132; i + 8 < n && p[i] == 2 && p[i + 1] == 0;) {
		size_t len = p[i + 6] + 256u * p[i + 7];
		size_t head = 8;
		if (p[i + 4] == 'O' && p[i + 5] == 'B') {
			len = p[i + 8] + 256u * p[i + 9];
			head = 12;
		}
		if (p[i + 2] == element && p[i + 3] == 0) {
			const char *v = (const char *)p + i + head;
			while (len > 0 && v[len - 1] == '\0')
				len--;
			(void)str_copy_n(dst, UID_SIZE, v, len);
			return;
		}
		i += head + len;
	}
}

static void
load(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || n_objects == FILES_MAX)
		exit(1);
	if (st.st_size < 200) { /* no object */
		(void)close(fd);
		return;
	}
	const uint8_t *p = mmap(NULL, (size_t)st.st_size, PROT_READ,
	    MAP_PRIVATE, fd, 0);
	(void)close(fd); /* the mapping stays */
	if (p == MAP_FAILED)
		exit(1);
	if (memcmp(p + 128, "DICM", 4) != 0)
		return;
	struct object *o = &objects[n_objects++];
	size_t at = META_AT + (p[140] | (size_t)p[141] << 8 |
	    (size_t)p[142] << 16);
	o->p = p + at;
	o->n = (size_t)st.st_size - at;
	meta_uid(p, (size_t)st.st_size, 0x02, o->class_uid);
	meta_uid(p, (size_t)st.st_size, 0x03, o->instance_uid);
}

static void
walk(const char *path)
{
	char sub[1200];
	DIR *d = opendir(path);
	if (d == NULL) {
		load(path);
		return;
	}
	for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
		walk(sub); /* our own two levels */
	}
	(void)closedir(d);
}

/* All that can be made before it is asked for. */
static void
prepare(struct object *o, uint8_t context, uint32_t peer_max, uint16_t id)
{
	struct dimse d = {.command = DIMSE_C_STORE_RQ, .has_data = true,
	    .message_id = id};
	struct buf body;
	(void)str_copy(d.class_uid, UID_SIZE, o->class_uid);
	(void)str_copy(d.instance_uid, UID_SIZE, o->instance_uid);
	buf_init(&body, 4096);
	buf_init(&o->command, 4096);
	dimse_format(&body, &d);
	uint8_t head[PDU_HEADROOM];
	pdu_format_pdv_head(head, context, true, true, (uint32_t)body.len);
	buf_add(&o->command, head, sizeof(head));
	buf_add(&o->command, body.p, body.len);
	buf_done(&body);
	size_t piece = peer_max - 6;
	size_t pieces = (o->n + piece - 1) / piece;
	o->heads = mem_grow(o->heads, pieces, PDU_HEADROOM);
	o->iov = mem_grow(o->iov, 2 * pieces + 1, sizeof(struct iovec));
	o->n_iov = 0;
	o->iov[o->n_iov++] = (struct iovec){o->command.p, o->command.len};
	for (size_t i = 0; i < pieces; i++) {
		size_t at = i * piece;
		size_t k = o->n - at < piece ? o->n - at : piece;
		pdu_format_pdv_head(o->heads[i], context, false,
		    i + 1 == pieces, (uint32_t)k);
		o->iov[o->n_iov++] = (struct iovec){o->heads[i],
		    PDU_HEADROOM};
		union { /* writev reads only */
			const uint8_t *in;
			uint8_t *out;
		} u = {.in = o->p + at};
		o->iov[o->n_iov++] = (struct iovec){u.out, k};
	}
}

static void
push(int fd, struct iovec *v, unsigned n)
{
	while (n > 0) {
		ssize_t k = writev(fd, v, n < 2 * BATCH ? (int)n : 2 * BATCH);
		if (k < 0)
			exit(1);
		while (n > 0 && (size_t)k >= v->iov_len) {
			k -= (ssize_t)v->iov_len;
			v++;
			n--;
		}
		if (n > 0) {
			v->iov_base = (uint8_t *)v->iov_base + k;
			v->iov_len -= (size_t)k;
		}
	}
}

/* One whole PDU; its type, 0 when the client has left. */
static int
pull(int fd, struct buf *b)
{
	uint8_t part[65536];
	static size_t have; /* of the next one, already here */
	if (have > 0)
		memmove(b->p, b->p + b->len - have, have);
	b->len = have;
	for (;;) {
		if (b->len >= PDU_HEAD) {
			size_t want = PDU_HEAD + ((size_t)b->p[2] << 24 |
			    (size_t)b->p[3] << 16 | (size_t)b->p[4] << 8 |
			    b->p[5]);
			if (b->len >= want) {
				have = b->len - want;
				return b->p[0];
			}
		}
		sock_quickack(fd);
		ssize_t k = recv(fd, part, sizeof(part), 0);
		if (k <= 0) {
			have = 0;
			return 0;
		}
		buf_add(b, part, (size_t)k);
	}
}

static void
answer_get(int fd, const struct pdu_associate *rq, struct buf *in)
{
	struct buf out, body;
	struct pdv v;
	struct err e;
	struct dimse get, rsp;
	struct cur c = cur_of(in->p + PDU_HEAD, in->len - PDU_HEAD);
	if (pdu_next_pdv(&c, &v, &e) != 1 || !v.is_command ||
	    dimse_parse(v.p, v.n, &get, &e) != 0)
		exit(1);
	uint8_t context = v.context;
	if (pdu_next_pdv(&c, &v, &e) != 1)
		(void)pull(fd, in); /* the identifier: all of it is wanted */
	for (unsigned i = 0; i < n_objects; i++) {
		uint8_t id = 0;
		for (unsigned k = 0; k < rq->n_contexts && id == 0; k++)
			if (str_eq(rq->contexts[k].abstract,
			    objects[i].class_uid) && str_eq(pdu_syntax(rq,
			    &rq->contexts[k], 0), SYNTAX_EXPLICIT_LE))
				id = rq->contexts[k].id;
		push(fd, objects[i].iov, objects[i].n_iov);
		if (id == 0 || pull(fd, in) != PDU_DATA)
			exit(1);
	}
	rsp = dimse_response(&get, DIMSE_SUCCESS);
	rsp.has_counts = true;
	rsp.completed = (uint16_t)n_objects;
	buf_init(&out, 4096);
	buf_init(&body, 4096);
	dimse_format(&body, &rsp);
	uint8_t head[PDU_HEADROOM];
	pdu_format_pdv_head(head, context, true, true, (uint32_t)body.len);
	buf_add(&out, head, sizeof(head));
	buf_add(&out, body.p, body.len);
	(void)write(fd, out.p, out.len); /* the client tells */
	buf_done(&out);
	buf_done(&body);
}

static void
serve(int fd)
{
	struct buf in, out;
	struct err e;
	struct pdu_associate rq, ac = {.version = 1,
	    .max_pdu = PDU_DATA_MAX};
	buf_init(&in, 4 << 20);
	buf_init(&out, 1 << 20);
	if (pull(fd, &in) != PDU_ASSOCIATE_RQ || pdu_parse_associate(
	    PDU_ASSOCIATE_RQ, in.p + PDU_HEAD, in.len - PDU_HEAD, &rq, &e) != 0)
		goto out;
	for (unsigned i = 0; i < rq.n_contexts; i++) {
		const char *ts = pdu_syntax(&rq, &rq.contexts[i], 0);
		struct pdu_context *c = pdu_add_context(&ac,
		    rq.contexts[i].id, NULL, &ts, 1);
		c->has_role = rq.contexts[i].has_role;
		c->scu_role = rq.contexts[i].scu_role;
		c->scp_role = rq.contexts[i].scp_role;
		(void)str_copy(c->abstract, UID_SIZE,
		    rq.contexts[i].abstract);
	}
	pdu_format_associate(&out, PDU_ASSOCIATE_AC, &ac);
	for (unsigned i = 0; i < n_objects; i++)
		for (unsigned k = 0; k < rq.n_contexts; k++)
			if (str_eq(rq.contexts[k].abstract,
			    objects[i].class_uid) && str_eq(pdu_syntax(&rq,
			    &rq.contexts[k], 0), SYNTAX_EXPLICIT_LE))
				prepare(&objects[i], rq.contexts[k].id,
				    rq.max_pdu, (uint16_t)(i + 1));
	if (write(fd, out.p, out.len) != (ssize_t)out.len)
		goto out;
	for (int type = pull(fd, &in); type == PDU_DATA; type = pull(fd, &in))
		answer_get(fd, &rq, &in);
	buf_clear(&out);
	pdu_format_release(&out, PDU_RELEASE_RP);
	(void)write(fd, out.p, out.len); /* gone already is fine */
out:
	buf_done(&in);
	buf_done(&out);
}

int
main(int argc, char **argv)
{
	struct err e;
	char peer[SOCK_ADDR_SIZE];
	bool local = false;
	if (argc != 3) {
		(void)fputs("usage: floor PORT DIR\n", stderr);
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN); /* a client that left is no end */
	walk(argv[2]);
	int listener = sock_listen("127.0.0.1",
	    (uint16_t)strtoul(argv[1], NULL, 10), &e);
	for (;;) {
		if (listener < 0 || !sock_wait(listener, false, INT64_MAX))
			return 1;
		int fd = sock_accept(listener, peer, &local, &e);
		if (fd < 0)
			continue;
		(void)fcntl(fd, F_SETFL, 0); /* it may wait */
		serve(fd);
		sock_close(&fd);
	}
}
