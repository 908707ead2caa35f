/* SPDX-License-Identifier: MIT
 *
 * Every limit on what a peer may make us hold, count or wait for. The struct,
 * its defaults and the keys of the configuration are made from here.
 *
 * X: A (whatever the user of the table passes on), section, key, kind,
 * default as a number and as text, least, most, what is wanted, what it
 * bounds and what happens above. Kinds: size bytes, count, duration seconds.
 */
#define LIMIT_KIB(n) (INT64_C(n) << 10)
#define LIMIT_MIB(n) (INT64_C(n) << 20)
#define LIMIT_GIB(n) (INT64_C(n) << 30)

/* Who may associate: node/access. A viewer such as OsiriX opens 16. */
#define LIMIT_ROWS_NODE(X, A) \
	X(A, NODE, local_places, count, 8, "8", 0, 511, \
	    "a number from 0 to 511", \
	    "Of max_associations so many are kept for viewers on this " \
	    "machine; below max_associations. Callers from elsewhere cannot " \
	    "take them, and are refused for the moment.") \
	X(A, NODE, max_per_peer, count, 16, "16", 1, 512, \
	    "a number from 1 to 512", \
	    "Associations of one viewer (address and AE title) at once; one " \
	    "more is refused for the moment.") \
	X(A, NODE, max_per_archive, count, 8, "8", 1, 32, \
	    "a number from 1 to 32", \
	    "Associations of one archive that sends what we asked it to. " \
	    "They are not counted among max_associations.") \
	X(A, NODE, max_per_second, count, 100, "100", 1, 1000, \
	    "a number from 1 to 1000", \
	    "Associations of one viewer elsewhere begun in a second; one " \
	    "more is refused for the moment.")

/* Sizes: wire, dicom, node, store. OsiriX asks with 27 KiB; DCMTK takes no
 * P-DATA PDU above 128 KiB; 4D flow has 100 elements a frame. */
#define LIMIT_ROWS_SIZE(X, A) \
	X(A, LIMITS, associate_size, size, LIMIT_KIB(128), "128 KiB", \
	    LIMIT_KIB(32), LIMIT_MIB(1), "a size from 32 KiB to 1 MiB", \
	    "The request of an association, or its answer; above: aborted.") \
	X(A, LIMITS, pdu_size, size, LIMIT_KIB(128), "128 KiB", \
	    LIMIT_KIB(4), LIMIT_KIB(128), "a size from 4 KiB to 128 KiB", \
	    "A P-DATA PDU that we take, as peers are told; above: aborted.") \
	X(A, LIMITS, command_size, size, LIMIT_KIB(64), "64 KiB", \
	    LIMIT_KIB(1), LIMIT_KIB(64), "a size from 1 KiB to 64 KiB", \
	    "A DIMSE command set; above: aborted.") \
	X(A, LIMITS, identifier_size, size, LIMIT_MIB(1), "1 MiB", \
	    LIMIT_KIB(16), LIMIT_MIB(16), "a size from 16 KiB to 16 MiB", \
	    "A question or one answer to it; above: refused.") \
	X(A, LIMITS, header_size, size, LIMIT_MIB(64), "64 MiB", \
	    LIMIT_MIB(1), LIMIT_GIB(1), "a size from 1 MiB to 1 GiB", \
	    "What stands before an object's pixel data, inflated; above: the " \
	    "object is refused.") \
	X(A, LIMITS, object_size, size, LIMIT_GIB(2), "2 GiB", \
	    LIMIT_MIB(1), LIMIT_GIB(4), "a size from 1 MiB to 4 GiB", \
	    "The data set of one object; above: the object is refused.") \
	X(A, LIMITS, nesting, count, 64, "64", 8, 64, \
	    "a number from 8 to 64", \
	    "Sequences in sequences; deeper: the object is refused.") \
	X(A, LIMITS, elements, count, 1000000, "1000000", 1000, 100000000, \
	    "a number from 1000 to 100000000", \
	    "Elements before an object's pixel data; above: the object is " \
	    "refused.") \
	X(A, LIMITS, objects, count, 100000, "100000", 1000, 1000000, \
	    "a number from 1000 to 1000000", \
	    "Objects of one study, and of one retrieval by a viewer; above: " \
	    "the retrieval fails.")

/* Times: dicom. PS3.8 9.1.5 leaves ARTIM to us. */
#define LIMIT_ROWS_TIME(X, A) \
	X(A, LIMITS, first_byte, duration, 5, "5 s", 1, 60, \
	    "a time from 1 s to 60 s", \
	    "A caller that has said nothing by then is cut off.") \
	X(A, LIMITS, request_time, duration, 10, "10 s", 1, 60, \
	    "a time from 1 s to 60 s", \
	    "A caller's whole request must be here by then, and an archive's " \
	    "answer to ours.") \
	X(A, LIMITS, idle_local, duration, 300, "300 s", 1, 86400, \
	    "a time from 1 s to 24 h", \
	    "An association of this machine that asks nothing is aborted " \
	    "then.") \
	X(A, LIMITS, idle_elsewhere, duration, 60, "60 s", 1, 86400, \
	    "a time from 1 s to 24 h", \
	    "The same of an association from elsewhere.") \
	X(A, LIMITS, pdu_time, duration, 30, "30 s", 1, 600, \
	    "a time from 1 s to 10 min", \
	    "A PDU that has begun must be whole by then, or it is aborted.") \
	X(A, LIMITS, archive_time, duration, 60, "60 s", 1, 3600, \
	    "a time from 1 s to 1 h", \
	    "An archive that we asked and that is silent for so long is cut " \
	    "off; what it has not sent is asked for again.") \
	X(A, LIMITS, send_time, duration, 60, "60 s", 1, 600, \
	    "a time from 1 s to 10 min", \
	    "A peer must take 1 MiB of what we send by then, or it is " \
	    "aborted.") \
	X(A, LIMITS, least_rate, size, LIMIT_KIB(1), "1 KiB", 1, \
	    LIMIT_MIB(1), "a size from 1 B to 1 MiB", \
	    "What a peer must send in a second once a data set has begun, " \
	    "30 s aside; slower: aborted.")

#define LIMIT_ROWS(X, A) \
	LIMIT_ROWS_NODE(X, A) \
	LIMIT_ROWS_SIZE(X, A) \
	LIMIT_ROWS_TIME(X, A)
