/* SPDX-License-Identifier: MIT */
/* What DIMSE status codes and commands mean, PS3.7 annexes C and E. */
#include <stdio.h>

#include "wire/dimse.h"

bool
dimse_is_pending(uint16_t status)
{
	return status == DIMSE_PENDING ||
	    status == DIMSE_PENDING_UNSUPPORTED_KEYS;
}

/* PS3.7 C.1.4 and annex C.4: Bxxx and three of their own. */
bool
dimse_is_warning(uint16_t status)
{
	return (status & 0xF000) == 0xB000 || status == 0x0001 ||
	    status == 0x0107 || status == 0x0116;
}

/* The first row whose ${mask}ed bits agree holds; PS3.7 annex C, PS3.4
 * tables B.2-1, C.4-1, C.4-2 and C.4-3. */
static const struct {
	uint16_t mask, bits;
	const char *text;
} statuses[] = {
	{0xFFFF, 0x0000, "success"},
	{0xFFFF, 0x0001, "optional attributes not supported"},
	{0xFFFF, 0x0105, "no such attribute"},
	{0xFFFF, 0x0106, "invalid attribute value"},
	{0xFFFF, 0x0107, "attribute list error"},
	{0xFFFF, 0x0110, "processing failure"},
	{0xFFFF, 0x0111, "duplicate SOP instance"},
	{0xFFFF, 0x0112, "no such SOP instance"},
	{0xFFFF, 0x0113, "no such event type"},
	{0xFFFF, 0x0114, "no such argument"},
	{0xFFFF, 0x0115, "invalid argument value"},
	{0xFFFF, 0x0116, "attribute value out of range"},
	{0xFFFF, 0x0117, "invalid SOP instance"},
	{0xFFFF, 0x0118, "no such SOP class"},
	{0xFFFF, 0x0119, "class and instance disagree"},
	{0xFFFF, 0x0120, "missing attribute"},
	{0xFFFF, 0x0121, "missing attribute value"},
	{0xFFFF, 0x0122, "SOP class not supported"},
	{0xFFFF, 0x0123, "no such action type"},
	{0xFFFF, 0x0124, "not authorised"},
	{0xFFFF, 0x0210, "duplicate invocation"},
	{0xFFFF, 0x0211, "unrecognised operation"},
	{0xFFFF, 0x0212, "mistyped argument"},
	{0xFFFF, 0x0213, "resource limitation"},
	{0xFFFF, 0xA701, "out of resources: cannot count matches"},
	{0xFFFF, 0xA702, "out of resources: cannot send"},
	{0xFF00, 0xA700, "out of resources"},
	{0xFFFF, 0xA801, "move destination unknown"},
	{0xFF00, 0xA900, "identifier or data set does not match SOP class"},
	{0xFFFF, 0xB000, "warning: some sub-operations failed"},
	{0xFFFF, 0xB006, "warning: elements discarded"},
	{0xFFFF, 0xB007, "warning: data set does not match SOP class"},
	{0xF000, 0xB000, "warning"},
	{0xF000, 0xC000, "unable to process"},
	{0xFFFF, 0xFE00, "cancelled"},
	{0xFFFF, 0xFF00, "pending"},
	{0xFFFF, 0xFF01, "pending, some keys not supported"},
	{0x0000, 0x0000, "unknown status"},
};

const char *
dimse_status_text(uint16_t status, char *dst, size_t size)
{
	size_t i = 0;
	while ((status & statuses[i].mask) != statuses[i].bits)
		i++; /* the last row holds for all */
	(void)snprintf(dst, size, "%s (%04X)", statuses[i].text,
	    status); /* cut is fine: for people */
	return dst;
}

const char *
dimse_command_name(uint16_t command)
{
	static const struct {
		uint16_t command;
		const char *name;
	} rows[] = {
		{DIMSE_C_STORE_RQ, "C-STORE-RQ"},
		{DIMSE_C_STORE_RSP, "C-STORE-RSP"},
		{DIMSE_C_GET_RQ, "C-GET-RQ"},
		{DIMSE_C_GET_RSP, "C-GET-RSP"},
		{DIMSE_C_FIND_RQ, "C-FIND-RQ"},
		{DIMSE_C_FIND_RSP, "C-FIND-RSP"},
		{DIMSE_C_MOVE_RQ, "C-MOVE-RQ"},
		{DIMSE_C_MOVE_RSP, "C-MOVE-RSP"},
		{DIMSE_C_ECHO_RQ, "C-ECHO-RQ"},
		{DIMSE_C_ECHO_RSP, "C-ECHO-RSP"},
		{DIMSE_C_CANCEL_RQ, "C-CANCEL-RQ"},
		{0x0100, "N-EVENT-REPORT-RQ"},
		{0x8100, "N-EVENT-REPORT-RSP"},
		{0x0110, "N-GET-RQ"},
		{0x8110, "N-GET-RSP"},
		{0x0120, "N-SET-RQ"},
		{0x8120, "N-SET-RSP"},
		{0x0130, "N-ACTION-RQ"},
		{0x8130, "N-ACTION-RSP"},
		{0x0140, "N-CREATE-RQ"},
		{0x8140, "N-CREATE-RSP"},
		{0x0150, "N-DELETE-RQ"},
		{0x8150, "N-DELETE-RSP"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].command == command)
			return rows[i].name;
	return "unknown command";
}
