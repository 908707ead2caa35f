/* SPDX-License-Identifier: MIT
 *
 * csv: RFC 4180 rows. Called on workers; pure.
 * Takes CRLF, LF and CR line ends and a UTF-8 byte order mark.
 */
#ifndef WIRE_CSV_H
#define WIRE_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define CSV_FIELDS_MAX 64
#define CSV_FIELD_MAX 4096 /* bytes */

struct csv {
	/* where the next row begins; owned by the caller of csv_open */
	const char *p;
	size_t n, at;
	unsigned line; /* of the next row, counted from 1 */
	/* the row read last */
	char *field[CSV_FIELDS_MAX]; /* unquoted, owned until the next row */
	unsigned column[CSV_FIELDS_MAX]; /* where it begins, from 1 */
	unsigned n_fields;
	unsigned row_line; /* where the row began */
	char *store; /* owned */
};

/* Start reading ${n} borrowed bytes. */
void csv_open(struct csv *c, const char *p, size_t n);
void csv_close(struct csv *c);
/* The next row that is not empty: 1 found, 0 end, -1 ERR_PARSE with the line
 * and column in the message; reading may go on with the next row. A quote
 * that is never closed spoils its own line only. */
int csv_next(struct csv *c, struct err *e);

#endif
