/* SPDX-License-Identifier: MIT
 *
 * dimse: command sets as one struct (PS3.7 section 9.3 and annex E).
 * Called by dicom, node and prefetch on any thread; pure.
 * Command sets are always Implicit VR Little Endian (PS3.7 6.3.1).
 */
#ifndef WIRE_DIMSE_H
#define WIRE_DIMSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/uid.h"
#include "wire/pdu.h"

enum dimse_command { /* (0000,0100), PS3.7 E.1 */
	DIMSE_C_STORE_RQ = 0x0001,
	DIMSE_C_STORE_RSP = 0x8001,
	DIMSE_C_GET_RQ = 0x0010,
	DIMSE_C_GET_RSP = 0x8010,
	DIMSE_C_FIND_RQ = 0x0020,
	DIMSE_C_FIND_RSP = 0x8020,
	DIMSE_C_MOVE_RQ = 0x0021,
	DIMSE_C_MOVE_RSP = 0x8021,
	DIMSE_C_ECHO_RQ = 0x0030,
	DIMSE_C_ECHO_RSP = 0x8030,
	DIMSE_C_CANCEL_RQ = 0x0FFF,
};

enum dimse_status { /* PS3.7 annex C, PS3.4 C.4 */
	DIMSE_SUCCESS = 0x0000,
	DIMSE_PENDING = 0xFF00,
	DIMSE_PENDING_UNSUPPORTED_KEYS = 0xFF01,
	DIMSE_CANCELLED = 0xFE00,
	DIMSE_NOT_AUTHORISED = 0x0124,
	DIMSE_NO_SUCH_CLASS = 0x0122,
	DIMSE_UNRECOGNISED = 0x0211,
	DIMSE_OUT_OF_RESOURCES = 0xA700,
	DIMSE_CANNOT_COUNT = 0xA701,
	DIMSE_CANNOT_SEND = 0xA702,
	DIMSE_UNKNOWN_DESTINATION = 0xA801,
	DIMSE_IDENTIFIER_MISMATCH = 0xA900,
	DIMSE_SUBOPERATIONS_FAILED = 0xB000,
	DIMSE_UNABLE = 0xC000,
};

/* bytes of a command set, hard; limits()->command_size may be less */
#define DIMSE_COMMAND_MAX (64 * 1024)
#define DIMSE_NO_DATA 0x0101 /* (0000,0800): no data set follows */

struct dimse {
	uint16_t command; /* enum dimse_command, or what the peer sent */
	char class_uid[UID_SIZE]; /* affected or requested SOP class */
	char instance_uid[UID_SIZE]; /* affected SOP instance */
	uint16_t message_id; /* of a request; in a response: responded to */
	uint16_t priority; /* 0 medium, 1 high, 2 low */
	bool has_data; /* a data set follows */
	bool has_status;
	uint16_t status;
	char destination[AE_SIZE]; /* C-MOVE */
	char originator[AE_SIZE]; /* C-STORE within a C-MOVE */
	uint16_t originator_id;
	bool has_counts; /* the four below are present */
	uint16_t remaining, completed, failed, warning;
	char comment[65]; /* (0000,0902) */
};

/* Append the command set of ${d}, group length first, with the elements
 * that its command has (PS3.7 9.3 and 10.3). A response always carries its
 * status; one of C-GET and C-MOVE carries counts when has_counts, remaining
 * only while pending or cancelled (PS3.7 9.3.3.2, 9.3.4.2). */
void dimse_format(struct buf *b, const struct dimse *d);

/* Read a whole command set, its elements in any order. ERR_PARSE: no command
 * field, elements out of group 0, lengths past the end, numbers that are not
 * two bytes, a request without message id (a response or C-CANCEL-RQ without
 * the one it belongs to), a C-STORE-RQ without instance UID, UIDs that are
 * none, AE titles above 16 characters. Unknown elements are skipped, empty
 * ones are as good as absent; without (0000,0800) no data set follows. */
int dimse_parse(const uint8_t *p, size_t n, struct dimse *ret, struct err *e);

bool dimse_is_request(const struct dimse *d);
/* Whether ${status} is one of PS3.7 annex C's pending, warning, success. */
bool dimse_is_pending(uint16_t status);
bool dimse_is_warning(uint16_t status);
/* The response that belongs to ${rq}: command, class, message id, status,
 * and of a C-STORE the instance. C-CANCEL-RQ has none. */
struct dimse dimse_response(const struct dimse *rq, uint16_t status);
/* "out of resources: cannot send (A702)" into ${dst}. */
const char *dimse_status_text(uint16_t status, char *dst, size_t size);
/* "C-FIND-RQ"; "unknown command" when it is not in PS3.7 E.1. */
const char *dimse_command_name(uint16_t command);

#endif
