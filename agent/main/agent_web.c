/* SPDX-License-Identifier: MIT */
/* What the web room asks of the house: facts, and a person's wishes. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "main/agent_priv.h"

static void
archives(struct agent *a, struct web_facts *f)
{
	static const char *const states[] = {
	    [ARCHIVE_UNKNOWN] = "unknown",
	    [ARCHIVE_UP] = "up",
	    [ARCHIVE_DOWN] = "down",
	};
	for (unsigned i = 0; i < a->conf->n_archives; i++) {
		const struct archive_health *h =
		    prefetch_health(a->prefetch, i);
		f->archives[f->n_archives++] = (struct web_archive){
		    .name = a->conf->archives[i].name,
		    .ae_title = a->conf->archives[i].ae_title,
		    .state = states[h->state],
		    .last_ok_utc = h->last_ok_utc,
		    .since_utc = h->since_utc,
		    .next_try_utc = h->next_try_utc,
		    .associations = a->conf->archives[i].associations,
		    .allowed = h->allowed,
		    .last_error = h->last_error};
	}
}

static void
schedules(struct agent *a, struct web_facts *f)
{
	for (unsigned i = 0; i < a->n_lists; i++)
		f->schedules[f->n_schedules++] = (struct web_schedule){
		    .name = a->conf->schedules[i].name,
		    .type = "file",
		    .state = list_state_name(list_state(a->lists[i])),
		    .last_event_utc = list_last_ok_utc(a->lists[i]),
		    .last_error = list_last_error(a->lists[i])};
}

static void
viewers(struct agent *a, struct web_facts *f)
{
	static const char *const states[] = {
	    [VIEWER_UNKNOWN] = "unknown",
	    [VIEWER_UP] = "up",
	    [VIEWER_DOWN] = "down",
	};
	for (unsigned i = 0; i < a->conf->n_viewers; i++) {
		const struct conf_viewer *v = &a->conf->viewers[i];
		const struct viewer_health *h = node_viewer(a->node, i);
		(void)snprintf(a->viewer_address[i],
		    sizeof(a->viewer_address[i]), strchr(v->host, ':') !=
		    NULL ? "[%.60s]:%u" : "%.60s:%u", v->host, v->port);
		f->viewers[f->n_viewers++] = (struct web_viewer){
		    .name = v->name, .ae_title = v->ae_title,
		    .address = a->viewer_address[i],
		    .state = states[h->state], .push = v->push,
		    .last_ok_utc = h->last_ok_utc,
		    .last_error = h->last_error};
	}
}

static void
facts(void *ctx, struct web_facts *ret) /* web_ports.facts */
{
	struct agent *a = ctx;
	struct err e;
	*ret = (struct web_facts){
	    .theatre = a->conf->theatre,
	    .uptime_s = (clock_continuous_ns() - a->started_ns) / CLOCK_S,
	    .healthy = true,
	    .trouble = "",
	    .cache_bytes = store_held(a->store),
	    .cache_limit = a->conf->cache_size,
	    .cache_reserve = a->conf->cache_reserve,
	    .transfers_active = prefetch_active(a->prefetch),
	    .transfers_queued = prefetch_queued(a->prefetch),
	    .node_ae = a->conf->ae_title,
	    .node_address = a->node_address,
	};
	if (store_free_bytes(a->store, &ret->disk_free, &e) != 0) {
		a->trouble = e;
		ret->healthy = false;
	}
	if (index_has_failed(a->index, &a->trouble))
		ret->healthy = false;
	if (!ret->healthy)
		ret->trouble = a->trouble.msg;
	if (a->place != STORE_HERE) {
		ret->healthy = false;
		ret->trouble = agent_volume_trouble(a);
	}
	if (a->wiped) {
		ret->healthy = false;
		ret->trouble = "wiped; nothing is fetched until the agent is "
		    "started again";
	}
	archives(a, ret);
	schedules(a, ret);
	viewers(a, ret);
	(void)snprintf(a->web_address, sizeof(a->web_address),
	    strchr(a->conf->web.host, ':') != NULL ? "[%.60s]:%u" :
	    "%.60s:%u", a->conf->web.host, web_port(a->web));
	ret->web_address = a->web_address;
	for (unsigned i = 0; i < a->n_refused; i++)
		ret->refused[ret->n_refused++] = (struct web_refused){
		    .calling = a->refused[i].calling,
		    .address = a->refused[i].address,
		    .reason = a->refused[i].reason,
		    .remedy = a->refused[i].remedy,
		    .utc = a->refused[i].utc,
		    .times = a->refused[i].times};
}

static void
outcome(struct web_outcome *ret, int status, const char *text)
{
	ret->status = status;
	(void)str_copy(ret->text, sizeof(ret->text), text);
}

static void
prefetch(void *ctx, const char *case_id, const char *study_uid,
    struct web_outcome *ret)
{ /* web_ports.prefetch */
	struct agent *a = ctx;
	const struct board_case *c = case_id == NULL ? NULL :
	    board_case(a->board, case_id);
	const struct board_study *s = case_id != NULL ? NULL :
	    board_study(a->board, study_uid);
	if (a->wiped)
		outcome(ret, 409, "wiped; nothing is fetched until the agent "
		    "is started again");
	else if (c == NULL && s == NULL)
		outcome(ret, 404, case_id != NULL ?
		    "no such case on the list" : "no such study known");
	else if (c != NULL ? c->readiness == READINESS_READY :
	    s->state == STUDY_READY)
		outcome(ret, 202, "already ready");
	else if (c != NULL)
		outcome(ret, prefetch_case_now(a->prefetch, case_id) ? 202 :
		    409, "fetching at once");
	else
		outcome(ret, prefetch_study_now(a->prefetch, study_uid) ?
		    202 : 409, "fetching at once");
	if (ret->status == 409 && !a->wiped)
		outcome(ret, 409, case_id != NULL ?
		    "not a coming case of this theatre" :
		    "no coming case wants it, or it is held back");
}

static void
keep(void *ctx, const char *study_uid, bool on, struct web_outcome *ret)
{ /* web_ports.keep */
	struct agent *a = ctx;
	ret->status = cache_keep(a->cache, study_uid, on, ret->text,
	    sizeof(ret->text));
}

static void
evict(void *ctx, const char *study_uid, struct web_outcome *ret)
{ /* web_ports.evict */
	struct agent *a = ctx;
	ret->status = cache_evict(a->cache, study_uid, ret->text,
	    sizeof(ret->text));
}

static void
look(void *ctx, struct web_outcome *ret) /* web_ports.look */
{
	struct agent *a = ctx;
	for (unsigned i = 0; i < a->n_lists; i++)
		list_look(a->lists[i]);
	prefetch_look(a->prefetch);
	outcome(ret, 202, "looking again");
}

static void
verify(void *ctx, struct web_outcome *ret) /* web_ports.verify */
{
	struct agent *a = ctx;
	ret->status = cache_verify(a->cache, ret->text, sizeof(ret->text));
}

/* Nothing fetches from then on, so nothing comes back before the agent is
 * started again. */
static void
wipe(void *ctx, bool force, struct web_outcome *ret) /* web_ports.wipe */
{
	struct agent *a = ctx;
	if (!a->wiped && !force && cache_is_read(a->cache)) {
		outcome(ret, 409, "not wiped: a viewer is reading "
		    "(--force does it all the same)");
		return;
	}
	if (!a->wiped)
		log_warn("main.wipe.asked", "action=stopped_fetching");
	a->wiped = true;
	prefetch_halt(a->prefetch);
	agent_stop_wants(a); /* remembered ones go with the rows */
	ret->status = cache_wipe(a->cache, ret->text, sizeof(ret->text));
}

static void
hold(void *ctx, const char *study_uid) /* web_config.hold */
{
	cache_hold(((struct agent *)ctx)->cache, study_uid);
}

static void
release(void *ctx, const char *study_uid) /* web_config.release */
{
	cache_release(((struct agent *)ctx)->cache, study_uid);
}

static void
damaged(void *ctx, const char *study_uid,
    const uint8_t name[STORE_NAME_BYTES])
{ /* web_config.damaged */
	cache_damaged(((struct agent *)ctx)->cache, study_uid, name);
}

int
agent_start_web(struct agent *a, struct err *e)
{
	char socket[1100];
	(void)snprintf(socket, sizeof(socket), "%s/control.sock",
	    a->conf->state_dir);
	struct web_config c = {.host = a->conf->web.host,
	    .port = a->conf->web.port, .socket_path = socket,
	    .version = UNDERSTUDY_VERSION,
	    .horizon_s = a->conf->horizon_s,
	    .ix = a->index, .st = a->store, .ae_title = a->conf->ae_title,
	    .cors = a->conf->cors,
	    .decode_program = a->decode_program, .ctx = a, .hold = hold,
	    .release = release, .damaged = damaged};
	struct web_ports p = {.ctx = a, .facts = facts, .prefetch = prefetch,
	    .keep = keep, .evict = evict, .look = look,
	    .verify = verify, .wipe = wipe};
	a->web = web_start(a->loop, &c, &p, a->board, a->conf->zone, e);
	return a->web != NULL ? 0 : -1;
}
