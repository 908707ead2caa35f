/* SPDX-License-Identifier: MIT */
/* send: one object after the other to a viewer, as it is stored, read ahead
 * while the answer to the one before is awaited. On a worker, by one thread.
 */
#ifndef NODE_SEND_H
#define NODE_SEND_H

#include "store/store.h"

struct node;
struct retrieval;
struct sender;

struct sender *sender_new(struct node *n);
void sender_free(struct sender **pp);

/* Send ${it}, and count what comes of it in ${r}; ${next} (may be NULL) is
 * what will be sent after it. Where ${r}->to has no context for the stored
 * syntax but one of its class in an uncompressed syntax, it is decoded. 0, or
 * -1 when the association that it was sent on is over: then ${it} is not
 * counted. With ERR_CORRUPT it was ${it} that ended it: a large object's
 * digest did not hold at its end; to send it again would end the same. */
int send_item(struct retrieval *r, const struct store_item *it,
    const struct store_item *next, struct err *e);
/* Count ${it} as failed. */
void send_failed(struct retrieval *r, const struct store_item *it);

#endif
