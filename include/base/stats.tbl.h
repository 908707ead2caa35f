/* SPDX-License-Identifier: MIT
 *
 * Every counter (C) and gauge (G): id, name on /metrics, what it counts.
 * The page, /metrics and README are made from this table.
 */
#define STATS(X) \
	X(C, OBJECTS_STORED, "objects_stored", \
	    "objects received, verified and kept") \
	X(C, OBJECTS_REFUSED, "objects_refused", \
	    "objects refused: nobody asked for them, or their UIDs lie") \
	X(C, OBJECTS_CONFLICT, "objects_conflict", \
	    "objects that came with other bytes than were here: both withdrawn") \
	X(C, BYTES_FETCHED, "bytes_fetched", \
	    "data set bytes received from archives") \
	X(C, OBJECTS_SERVED, "objects_served", "objects sent to viewers") \
	X(C, OBJECTS_PUSHED, "objects_pushed", \
	    "of those, objects pushed to a viewer as a case turned ready") \
	X(C, BYTES_SERVED, "bytes_served", "data set bytes sent to viewers") \
	X(C, OBJECTS_DAMAGED, "objects_damaged", \
	    "objects whose digest or length no longer held when read") \
	X(C, OBJECTS_SCRUBBED, "objects_scrubbed", \
	    "objects whose digest was checked while nothing else was to do") \
	X(C, FETCHES_STARTED, "fetches_started", "study retrievals begun") \
	X(C, FETCHES_DONE, "fetches_done", "study retrievals that made a study ready") \
	X(C, FETCHES_FAILED, "fetches_failed", "study retrievals that ended without") \
	X(C, QUERIES_FAILED, "queries_failed", "questions an archive did not answer") \
	X(C, STUDIES_HELD, "studies_held", \
	    "studies held back because the patient does not agree") \
	X(C, EVICTIONS, "evictions", "studies evicted to make room") \
	X(C, SWEPT_FILES, "swept_files", "files without a row that the sweep removed") \
	X(C, SWEPT_ROWS, "swept_rows", "rows without a file that the sweep dropped") \
	X(C, ASSOCIATIONS, "associations", "associations accepted by the node") \
	X(C, ASSOCIATIONS_REFUSED, "associations_refused", \
	    "associations the node refused") \
	X(C, FINDS, "finds", "C-FIND requests answered") \
	X(C, GETS, "gets", "C-GET requests answered") \
	X(C, MOVES, "moves", "C-MOVE requests answered") \
	X(C, SCHEDULE_READS, "schedule_reads", "theatre lists read") \
	X(C, SCHEDULE_BAD_ROWS, "schedule_bad_rows", "rows of a theatre list skipped") \
	X(C, LOOP_SLOW, "loop_slow", "callbacks that held the loop over 50 ms") \
	X(G, ASSOCIATIONS_NOW, "associations_now", "associations open at the node") \
	X(G, TRANSFERS_NOW, "transfers_now", "study retrievals under way")
