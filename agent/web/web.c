/* SPDX-License-Identifier: MIT */
/* The two listeners, and requests on their way to the loop and back.
 *
 * DESIGN. libmicrohttpd runs some threads for the port, so that a disk which
 * is slow for one answer stops no other, and one for the control socket. A
 * request is suspended, put on ${waiting} and answered on the loop, or by a
 * worker of DICOMweb that the loop sends it to, then resumed:
 *
 *   server thread: NEW --suspend--> WAITING ... ANSWERED --send--> gone
 *   loop:                           WAITING --resume--> ANSWERED
 *
 * At most one mail to the loop is under way (${posted}); it alone
 * may outlive web_stop and then frees the rest.
 * libmicrohttpd's own lock is only taken after ours, never before.
 */
#include <string.h>

#include <microhttpd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sock.h"
#include "base/str.h"
#include "dicomweb_priv.h"

#define CONNECTIONS_MAX 320 /* a listener; 256 streams and 64 questions */
#define THREADS 4 /* of the port; each has its share of the connections */
#define HEAD_BYTES_MAX (32 * 1024) /* request line and header: 414, 431 */
#define UPLOAD_BYTES_MAX (64 * 1024) /* a POST needs no body; cut above */
#define IDLE_S 30 /* a connection that says nothing is closed */
#define PUBLISH_MS 250 /* between two events: four a second */
#define KEEP_ALIVE_MS 15000 /* proxies close after 30 s and more */

enum request_state { NEW, WAITING, ANSWERED }; /* movers: see above */

struct request {
	struct web *web;
	struct MHD_Connection *conn;
	enum request_state state;
	size_t uploaded;
	struct web_ask ask;
	struct web_answer answer;
	struct stream *stream; /* loop: opened; server: given to a response */
	struct dw_request *dicom; /* NULL: not for DICOMweb */
	char *cross; /* the origin of a page that may read; or NULL */
	struct request *next;
};

struct door {
	struct web *web;
	bool tcp; /* else the control socket, which needs no guard */
	struct MHD_Daemon *daemon;
};

struct web {
	/* set at birth, then constant */
	struct loop *loop;
	struct web_desk desk;
	struct web_ports ports;
	struct guard guard;
	struct door tcp, control;
	uint16_t port;
	struct streams *streams;
	struct dicomweb *dicomweb; /* NULL: not served */
	/* owned by the loop */
	struct loop_timer *publish, *keep_alive;
	bool published; /* ever */
	int64_t published_ns;
	/* shared, under lock */
	struct lock lock;
	bool posted, stopping;
	struct request *waiting, **waiting_end;
};

static void
free_rest(struct web *w)
{
	streams_free(&w->streams);
	lock_done(&w->lock);
	mem_free(w);
}

/* ---- events ---- */

/* Send the board as it is now to all streams, ${before} first. */
static void
publish(struct web *w, const char *before)
{
	struct buf text;
	buf_init(&text, WEB_BODY_MAX);
	buf_add_str(&text, before);
	events_write(&w->desk, &text);
	w->published_ns = clock_uptime_ns();
	w->published = true;
	if (text.failed)
		log_warn("web.event.drop", "reason=too_long action=kept_old");
	else
		streams_publish(w->streams, &text);
	buf_done(&text);
}

static void
on_publish(void *ctx) /* loop_fn */
{
	struct web *w = ctx;
	w->publish = NULL;
	publish(w, "");
}

/* As soon as the rate allows; never before the caller is done with the
 * board, and several changes at a time make one event. */
static void
publish_soon(struct web *w)
{
	if (w->publish != NULL)
		return;
	int64_t since = (clock_uptime_ns() - w->published_ns) / CLOCK_MS;
	bool wait = w->published && since < PUBLISH_MS;
	w->publish = loop_timer_start(w->loop, wait ? PUBLISH_MS - since : 0,
	    on_publish, w);
}

void
web_changed(struct web *w)
{
	if (streams_count(w->streams) > 0)
		publish_soon(w);
}

/* The comment tells a quiet connection from a dead one; the event after it
 * brings what changes without the board, such as the disk's free room. */
static void
on_keep_alive(void *ctx) /* loop_fn */
{
	struct web *w = ctx;
	w->keep_alive = loop_timer_start(w->loop, KEEP_ALIVE_MS,
	    on_keep_alive, w);
	if (streams_count(w->streams) > 0)
		publish(w, ": keep-alive\n\n");
}

/* ---- requests ---- */

/* Opened here, not on the server's thread: from now on no change is lost. */
static void
begin_stream(struct web *w, struct request *rq)
{
	rq->stream = streams_open(w->streams, rq->conn);
	if (rq->stream == NULL)
		route_error(&rq->answer, 503, "too many event streams");
	else
		publish_soon(w);
}

static void
answered(struct request *rq)
{
	struct web *w = rq->web;
	lock_acquire(&w->lock);
	rq->state = ANSWERED;
	MHD_resume_connection(rq->conn);
	lock_release(&w->lock);
}

static void
on_dicom_done(void *ctx) /* dw_done_fn */
{
	answered(ctx);
}

static void
answer(struct web *w, struct request *rq)
{
	if (rq->dicom != NULL) {
		rq->dicom->done = on_dicom_done;
		rq->dicom->ctx = rq;
		dicomweb_submit(w->dicomweb, rq->dicom);
		return;
	}
	route_answer(&w->desk, &rq->ask, &rq->answer);
	if (rq->answer.stream)
		begin_stream(w, rq);
	answered(rq);
}

/* Answer what waits. */
static void
on_mail(void *ctx) /* loop_fn */
{
	struct web *w = ctx;
	lock_acquire(&w->lock);
	struct request *list = w->waiting;
	bool stopping = w->stopping;
	w->posted = false;
	w->waiting = NULL;
	w->waiting_end = &w->waiting;
	lock_release(&w->lock);
	if (stopping) {
		free_rest(w); /* web_stop left it to us */
		return;
	}
	while (list != NULL) {
		struct request *rq = list;
		list = rq->next;
		answer(w, rq);
	}
}

/* Suspend ${rq} and hand it to the loop; false when we are stopping. */
static bool
submit(struct web *w, struct request *rq)
{
	bool post = false;
	lock_acquire(&w->lock);
	bool ok = !w->stopping;
	if (ok) {
		MHD_suspend_connection(rq->conn);
		rq->state = WAITING;
		rq->next = NULL;
		*w->waiting_end = rq;
		w->waiting_end = &rq->next;
		post = !w->posted;
		w->posted = true;
	}
	lock_release(&w->lock);
	if (post)
		loop_post(w->loop, on_mail, w);
	return ok;
}

static void
add_headers(struct MHD_Response *r, const struct web_answer *a)
{
	static const char *const fixed[][2] = {
		{"Cache-Control", "no-store"},
		{"Content-Security-Policy", "default-src 'self' "
		    "'unsafe-inline'; base-uri 'none'; form-action 'none'; "
		    "frame-ancestors 'none'; object-src 'none'"},
		{"Referrer-Policy", "no-referrer"},
		{"X-Content-Type-Options", "nosniff"},
		{"X-Frame-Options", "DENY"},
	};
	/* these fail only without memory; the answer is then the poorer */
	if (a->type != NULL)
		(void)MHD_add_response_header(r, "Content-Type", a->type);
	if (a->allow != NULL)
		(void)MHD_add_response_header(r, "Allow", a->allow);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		(void)MHD_add_response_header(r, fixed[i][0], fixed[i][1]);
}

static enum MHD_Result
send_answer(struct request *rq)
{
	struct web_answer *a = &rq->answer;
	struct MHD_Response *r;
	if (rq->stream != NULL)
		r = stream_response(rq->stream);
	else if (rq->dicom != NULL && a->status == 0)
		r = dicomweb_response(rq->dicom);
	else
		r = MHD_create_response_from_buffer(a->body.len, a->body.p,
		    MHD_RESPMEM_MUST_COPY);
	rq->stream = NULL; /* the response owns it now */
	if (r == NULL)
		return MHD_NO;
	add_headers(r, a);
	if (rq->cross != NULL)
		dicomweb_cross(r, rq->cross);
	enum MHD_Result rc = MHD_queue_response(rq->conn, (unsigned)
	    (a->status == 0 ? rq->dicom->answer.status : a->status), r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result
refuse(struct request *rq, int status, const char *text)
{
	route_error(&rq->answer, status, text);
	return send_answer(rq);
}

static struct request *
request_new(struct web *w, struct MHD_Connection *conn, const char *url,
    const char *method)
{
	struct request *rq = mem_new(struct request);
	rq->web = w;
	rq->conn = conn;
	buf_init(&rq->answer.body, WEB_BODY_MAX);
	if (str_eq(method, "GET") || str_eq(method, "HEAD"))
		rq->ask.method = WEB_GET;
	else
		rq->ask.method = str_eq(method, "POST") ? WEB_POST : WEB_OTHER;
	if (!str_copy(rq->ask.path, sizeof(rq->ask.path), url))
		rq->ask.path[0] = '\0'; /* no route has it */
	return rq;
}

static void
read_query(struct request *rq)
{
	const char *const kind[] = {"case", "study", "all", "confirm",
	    "force"};
	const char *value[5];
	for (size_t i = 0; i < 5; i++)
		value[i] = MHD_lookup_connection_value(rq->conn,
		    MHD_GET_ARGUMENT_KIND, kind[i]);
	route_set_case(&rq->ask, value[0]);
	route_set_study(&rq->ask, value[1]);
	rq->ask.all = value[2] != NULL && !str_eq(value[2], "0");
	rq->ask.confirmed = value[3] != NULL && str_eq(value[3], "yes");
	rq->ask.force = value[4] != NULL && str_eq(value[4], "yes");
}

/* Whether a page at ${origin} may ask; notes the one that is let in by
 * configuration. */
static bool
may_ask(struct request *rq, bool dicom, const char *origin, const char *host)
{
	struct web *w = rq->web;
	if (dicom && dicomweb_allows(w->dicomweb, origin))
		rq->cross = str_dup(origin);
	return rq->cross != NULL || guard_origin_is_ours(origin, host);
}

/* What a browser asks before it lets a page of another origin ask. */
static enum MHD_Result
send_options(struct request *rq)
{
	rq->answer.status = 204;
	rq->answer.allow = "GET, HEAD, OPTIONS";
	return send_answer(rq);
}

static enum MHD_Result
begin(struct door *l, struct request *rq, const char *url,
    const char *method)
{
	struct web *w = l->web;
	bool dicom = w->dicomweb != NULL && dicomweb_has(url);
	const char *host = MHD_lookup_connection_value(rq->conn,
	    MHD_HEADER_KIND, "Host");
	const char *origin = MHD_lookup_connection_value(rq->conn,
	    MHD_HEADER_KIND, "Origin");
	if (l->tcp && !guard_host_is_ours(&w->guard, host))
		return refuse(rq, 403, "Host: want this machine's name");
	if (!may_ask(rq, dicom, origin, host))
		return refuse(rq, 403, "Origin: want this page's own");
	if (dicom && str_eq(method, "OPTIONS"))
		return send_options(rq);
	if (dicom && rq->ask.method != WEB_GET) {
		rq->answer.allow = "GET, HEAD, OPTIONS";
		return refuse(rq, 405,
		    "method: want GET, nothing is stored from here");
	}
	if (dicom)
		rq->dicom = dicomweb_read(rq->conn, url);
	else
		read_query(rq);
	if (!submit(w, rq))
		return refuse(rq, 503, "the agent is stopping");
	return MHD_YES;
}

static enum request_state
state_of(struct web *w, const struct request *rq)
{
	lock_acquire(&w->lock);
	enum request_state s = rq->state;
	lock_release(&w->lock);
	return s;
}

static enum MHD_Result
on_access(void *cls, struct MHD_Connection *conn, const char *url,
    const char *method, const char *version, const char *upload,
    size_t *upload_size, void **slot)
{
	struct door *l = cls;
	struct request *rq = *slot;
	(void)version; /* libmicrohttpd minds it */
	(void)upload; /* a POST says all in its query */
	if (rq == NULL) {
		*slot = request_new(l->web, conn, url, method);
		return MHD_YES;
	}
	if (*upload_size > 0) {
		rq->uploaded += *upload_size;
		*upload_size = 0;
		return rq->uploaded <= UPLOAD_BYTES_MAX ? MHD_YES : MHD_NO;
	}
	if (state_of(l->web, rq) == ANSWERED)
		return send_answer(rq);
	return begin(l, rq, url, method);
}

static void
on_completed(void *cls, struct MHD_Connection *conn, void **slot,
    enum MHD_RequestTerminationCode code)
{
	(void)cls;
	(void)conn;
	(void)code; /* however it ended, the request is over */
	struct request *rq = *slot;
	*slot = NULL;
	if (rq == NULL)
		return;
	stream_close(&rq->stream);
	dicomweb_free_request(&rq->dicom);
	buf_done(&rq->answer.body);
	mem_free(rq->cross);
	mem_free(rq);
}

/* ---- start and stop ---- */

/* Serve ${fd}, which is the server's from here on. */
static int
serve(struct web *w, struct door *l, int fd, struct err *e)
{
	l->web = w;
	l->daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD |
	    MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_access, l,
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES_MAX,
	    MHD_OPTION_THREAD_POOL_SIZE, l->tcp ? (unsigned)THREADS : 0u,
	    MHD_OPTION_END);
	if (l->daemon == NULL)
		return err_set(e, ERR_NET, 0, "start the web server");
	return 0;
}

static int
listen_both(struct web *w, const struct web_config *c, struct err *e)
{
	int fd = sock_listen(c->host, c->port, e);
	if (fd < 0)
		return err_prefix(e, "web");
	w->port = sock_port(fd);
	w->tcp.tcp = true;
	if (serve(w, &w->tcp, fd, e) != 0)
		return -1;
	fd = sock_listen_unix(c->socket_path, e);
	if (fd < 0)
		return err_prefix(e, "control socket");
	return serve(w, &w->control, fd, e);
}

struct web *
web_start(struct loop *l, const struct web_config *c,
    const struct web_ports *ports, struct board *b, const struct zone *z,
    struct err *e)
{
	struct web *w = mem_new(struct web);
	w->loop = l;
	w->ports = *ports;
	w->desk = (struct web_desk){.ports = &w->ports, .board = b, .zone = z,
	    .version = c->version, .horizon_s = c->horizon_s};
	w->waiting_end = &w->waiting;
	w->streams = streams_new();
	lock_init(&w->lock);
	guard_init(&w->guard, c->host);
	w->keep_alive = loop_timer_start(l, KEEP_ALIVE_MS, on_keep_alive, w);
	if (c->ix != NULL)
		w->dicomweb = dicomweb_new(l, c, e);
	if ((c->ix != NULL && w->dicomweb == NULL) ||
	    listen_both(w, c, e) != 0)
		web_stop(&w);
	return w;
}

/* Wake all that sleep: the server stops only when nothing is suspended. */
static void
wake_all_locked(struct web *w)
{
	lock_assert_held(&w->lock);
	for (struct request *rq = w->waiting; rq != NULL; rq = rq->next) {
		route_error(&rq->answer, 503, "the agent is stopping");
		rq->state = ANSWERED;
		MHD_resume_connection(rq->conn);
	}
	w->waiting = NULL;
	w->waiting_end = &w->waiting;
}

void
web_stop(struct web **pp)
{
	struct web *w = *pp;
	*pp = NULL;
	if (w == NULL)
		return;
	loop_timer_stop(&w->publish);
	loop_timer_stop(&w->keep_alive);
	lock_acquire(&w->lock);
	w->stopping = true;
	wake_all_locked(w);
	lock_release(&w->lock);
	dicomweb_stop(w->dicomweb); /* its requests wake as well */
	streams_stop(w->streams);
	if (w->tcp.daemon != NULL)
		MHD_stop_daemon(w->tcp.daemon);
	if (w->control.daemon != NULL)
		MHD_stop_daemon(w->control.daemon);
	dicomweb_free(&w->dicomweb); /* every body is gone */
	if (!w->posted) /* no other thread is left */
		free_rest(w);
}

uint16_t
web_port(const struct web *w)
{
	return w->port;
}
