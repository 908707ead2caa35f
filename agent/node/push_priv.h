/* SPDX-License-Identifier: MIT */
/* Pushing to a viewer: what push*.c share. The book is pure and the loop's;
 * a job's question and sending run on a worker. */
#ifndef NODE_PUSH_PRIV_H
#define NODE_PUSH_PRIV_H

#include "model/board.h"
#include "node/node_priv.h"

#define PUSH_CONFIRMS_MAX 6 /* a viewer that imports slowly: about a minute */
#define PUSH_CLASSES_NS (3600 * CLOCK_S) /* what it does not take, hourly */

/* How far one study is with one viewer. */
struct push_entry {
	char uid[UID_SIZE];
	unsigned instances; /* that the study has; with more it is forgotten */
	enum push_state state;
	unsigned in_viewer; /* as the viewer last told */
	char reason[BOARD_REASON_SIZE];
	unsigned tries; /* failures in a row */
	unsigned unaccepted; /* of a class that the viewer does not take */
	bool confirm; /* all was sent: only ask whether it has come */
	unsigned confirms; /* questions since then */
	int64_t next_ns; /* continuous clock, 0 = at once */
};

/* What is known of one viewer's studies. */
struct push_book {
	struct push_entry *entries; /* owned */
	unsigned n, cap;
	int64_t next_ns; /* the viewer cannot be reached until then */
	unsigned tries; /* failures to reach it, in a row */
};

/* What a job came to. */
struct push_result {
	bool ran; /* not cancelled before */
	bool failed; /* ${e} says why; what else is here still holds */
	bool unreachable; /* so: no association at all */
	struct err e;
	bool answers; /* the viewer answers queries */
	unsigned listed; /* instances to be sent, from the index */
	unsigned has; /* of them in the viewer, by its last answer */
	unsigned sent; /* taken, by its C-STORE answers */
	unsigned refused; /* by a status, or not whole here */
	unsigned unaccepted; /* of a class that it does not take */
};

/* push_book.c, pure */
void push_book_done(struct push_book *b);
/* Forget the studies that left the board, are not ready, or have another
 * number of instances now. */
void push_book_sync(struct push_book *b, const struct board *board);
/* The study to push now: earliest ready case first, newest study first. NULL
 * when there is none; ${ret_next_ns} is then when to look again, 0 = when
 * the board changes. */
const struct board_study *push_book_next(const struct push_book *b,
    const struct board *board, int64_t now_utc, int64_t now_ns,
    int64_t *ret_next_ns);
/* It is begun; whether it is only asked for. */
bool push_book_begin(struct push_book *b, const struct board_study *s);
/* It came to ${r}. */
void push_book_end(struct push_book *b, const char *uid,
    const struct push_result *r, int64_t now_ns);
/* The viewer is there again: what waited need not wait. */
void push_book_up(struct push_book *b);
/* Write the columns of the board: of several viewers the one that is least
 * far counts. True when any of them changed. */
bool push_book_show(const struct push_book *books, unsigned n,
    struct board *board);

/* push.c, on the loop: viewer ${viewer} of node_viewer answers again. */
void pushes_up(struct node *n, unsigned viewer);

/* push_ask.c [worker]: which of the ${n} items of one study has the viewer?
 * ${has} (of ${n}, all false) is filled where it tells; ${ret} is how many.
 * 1 = it told, 0 = it does not answer queries, -1 = no association, or it
 * broke off; ${ret_reached} tells these two apart. */
struct push_viewer {
	const char *host, *ae_title, *calling;
	uint16_t port;
	struct assoc_stop *stop;
};
int push_ask(const struct push_viewer *v, const struct store_item *items,
    unsigned n, bool *has, unsigned *ret, bool *ret_reached, struct err *e);

#endif
