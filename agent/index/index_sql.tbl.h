/* SPDX-License-Identifier: MIT */
/* Every line of SQL: the schema by version, and the statements of the writer
 * and of a reader. Values come in as parameters only. */

/* version that it leads to, statement; blobs stand last in a row so that a
 * scan of the columns before need not read them */
#define INDEX_MIGRATIONS(X) \
	X(1, "CREATE TABLE meta (key TEXT PRIMARY KEY," \
	    " value INTEGER NOT NULL) STRICT") \
	X(1, "INSERT INTO meta VALUES ('clean', 0)") \
	X(1, "CREATE TABLE study (" \
	    " id INTEGER PRIMARY KEY," \
	    " uid TEXT NOT NULL UNIQUE," \
	    " patient_id TEXT NOT NULL," \
	    " issuer TEXT NOT NULL," \
	    " study_date TEXT NOT NULL," \
	    " archive TEXT NOT NULL DEFAULT ''," \
	    " ready INTEGER NOT NULL DEFAULT 0," \
	    " kept INTEGER NOT NULL DEFAULT 0," \
	    " expected INTEGER NOT NULL DEFAULT 0," \
	    " n_series INTEGER NOT NULL DEFAULT 0," \
	    " n_instances INTEGER NOT NULL DEFAULT 0," \
	    " bytes INTEGER NOT NULL DEFAULT 0," \
	    " last_used INTEGER NOT NULL DEFAULT 0," \
	    " used INTEGER NOT NULL DEFAULT 0," \
	    " modalities TEXT NOT NULL DEFAULT ''," \
	    " classes TEXT NOT NULL DEFAULT ''," \
	    " attrs BLOB NOT NULL) STRICT") \
	X(1, "CREATE UNIQUE INDEX study_by_date" \
	    " ON study (study_date DESC, uid)") \
	X(1, "CREATE INDEX study_by_patient ON study (patient_id, issuer)") \
	X(1, "CREATE TABLE series (" \
	    " id INTEGER PRIMARY KEY," \
	    " study INTEGER NOT NULL REFERENCES study (id)" \
	    "  ON DELETE CASCADE," \
	    " uid TEXT NOT NULL," \
	    " modality TEXT NOT NULL," \
	    " number INTEGER NOT NULL," \
	    " n_instances INTEGER NOT NULL DEFAULT 0," \
	    " attrs BLOB NOT NULL) STRICT") \
	X(1, "CREATE UNIQUE INDEX series_by_order" \
	    " ON series (study, number, uid)") \
	X(1, "CREATE UNIQUE INDEX series_by_uid ON series (uid, study)") \
	X(1, "CREATE TABLE instance (" \
	    " id INTEGER PRIMARY KEY," \
	    " series INTEGER NOT NULL REFERENCES series (id)" \
	    "  ON DELETE CASCADE," \
	    " uid TEXT NOT NULL," \
	    " name BLOB NOT NULL UNIQUE," \
	    " digest BLOB NOT NULL," \
	    " length INTEGER NOT NULL," \
	    " start INTEGER NOT NULL," \
	    " number INTEGER NOT NULL," \
	    " class_uid TEXT NOT NULL," \
	    " syntax TEXT NOT NULL," \
	    " attrs BLOB NOT NULL) STRICT") \
	X(1, "CREATE UNIQUE INDEX instance_by_order" \
	    " ON instance (series, number, uid)") \
	X(1, "CREATE INDEX instance_by_uid ON instance (uid, series)") \
	X(1, "CREATE TABLE wants (case_id TEXT PRIMARY KEY," \
	    " wants BLOB NOT NULL) STRICT") \
	X(2, "CREATE TABLE metadata (" \
	    " instance INTEGER PRIMARY KEY REFERENCES instance (id)" \
	    "  ON DELETE CASCADE," \
	    " n INTEGER NOT NULL," \
	    " crc INTEGER NOT NULL," \
	    " part BLOB NOT NULL) STRICT") \
	X(3, "CREATE TABLE pair (" \
	    " class_uid TEXT NOT NULL," \
	    " syntax TEXT NOT NULL," \
	    " n INTEGER NOT NULL," \
	    " PRIMARY KEY (class_uid, syntax)) STRICT, WITHOUT ROWID") \
	X(3, "INSERT INTO pair SELECT class_uid, syntax, count(*)" \
	    " FROM instance GROUP BY 1, 2") \
	X(3, "CREATE TRIGGER pair_more AFTER INSERT ON instance BEGIN" \
	    " INSERT INTO pair VALUES (new.class_uid, new.syntax, 1)" \
	    " ON CONFLICT DO UPDATE SET n = n + 1; END") \
	X(3, "CREATE TRIGGER pair_less AFTER DELETE ON instance BEGIN" \
	    " UPDATE pair SET n = n - 1 WHERE class_uid = old.class_uid" \
	    " AND syntax = old.syntax; END") \
	X(3, "CREATE TRIGGER pair_other AFTER UPDATE OF class_uid, syntax" \
	    " ON instance WHEN new.class_uid <> old.class_uid" \
	    " OR new.syntax <> old.syntax BEGIN" \
	    " UPDATE pair SET n = n - 1 WHERE class_uid = old.class_uid" \
	    " AND syntax = old.syntax;" \
	    " INSERT INTO pair VALUES (new.class_uid, new.syntax, 1)" \
	    " ON CONFLICT DO UPDATE SET n = n + 1; END")

/* the writer's: id, statement */
#define INDEX_WRITES(X) \
	X(BEGIN, "BEGIN IMMEDIATE") \
	X(COMMIT, "COMMIT") \
	X(ROLLBACK, "ROLLBACK") \
	X(STUDY_FIND, "SELECT id, modalities, classes FROM study" \
	    " WHERE uid = ?1") \
	X(STUDY_ADD, "INSERT INTO study" \
	    " (uid, patient_id, issuer, study_date, attrs)" \
	    " VALUES (?1, ?2, ?3, ?4, ?5)") \
	X(SERIES_FIND, "SELECT id FROM series WHERE uid = ?1 AND study = ?2") \
	X(SERIES_ADD, "INSERT INTO series" \
	    " (uid, study, modality, number, attrs)" \
	    " VALUES (?1, ?2, ?3, ?4, ?5)") \
	X(INSTANCE_FIND, "SELECT i.id, i.length, se.id, se.study" \
	    " FROM instance i JOIN series se ON se.id = i.series" \
	    " WHERE i.name = ?1") \
	X(INSTANCE_ADD, "INSERT INTO instance (series, uid, name, digest," \
	    " length, start, number, class_uid, syntax, attrs)" \
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)") \
	X(INSTANCE_SET, "UPDATE instance SET digest = ?2, length = ?3," \
	    " start = ?4, class_uid = ?5, syntax = ?6 WHERE id = ?1") \
	X(STUDY_COUNT, "UPDATE study SET n_series = n_series + ?2," \
	    " n_instances = n_instances + ?3, bytes = bytes + ?4," \
	    " modalities = ?5, classes = ?6 WHERE id = ?1") \
	X(SERIES_COUNT, "UPDATE series SET n_instances = n_instances + 1" \
	    " WHERE id = ?1") \
	X(STUDY_STATE, "UPDATE study SET ready = ?2 AND n_instances >= ?3," \
	    " expected = ?3, archive = ?4 WHERE uid = ?1") \
	X(STUDY_KEPT, "UPDATE study SET kept = ?2 WHERE uid = ?1") \
	X(STUDY_USED, "UPDATE study SET used = ?2, last_used = ?3" \
	    " WHERE uid = ?1") \
	X(INSTANCE_DROP, "DELETE FROM instance WHERE id = ?1") \
	X(SERIES_LESS, "UPDATE series SET n_instances = n_instances - 1" \
	    " WHERE id = ?1") \
	X(SERIES_DROP, "DELETE FROM series" \
	    " WHERE id = ?1 AND n_instances = 0") \
	X(STUDY_LESS, "UPDATE study SET ready = 0," \
	    " n_series = n_series - ?2, n_instances = n_instances - 1," \
	    " bytes = bytes - ?3," \
	    " modalities = ifnull((SELECT group_concat(m, '\\') FROM" \
	    "  (SELECT DISTINCT modality AS m FROM series" \
	    "   WHERE study = ?1 AND modality <> '' ORDER BY 1)), '')," \
	    " classes = ifnull((SELECT group_concat(c, '\\') FROM" \
	    "  (SELECT DISTINCT class_uid AS c FROM instance" \
	    "   WHERE series IN (SELECT id FROM series WHERE study = ?1)" \
	    "   ORDER BY 1)), '')" \
	    " WHERE id = ?1") \
	X(STUDY_EMPTY, "DELETE FROM study" \
	    " WHERE id = ?1 AND n_instances = 0") \
	X(STUDY_DROP, "DELETE FROM study WHERE uid = ?1") \
	X(METADATA_SET, "INSERT INTO metadata VALUES (?1, ?2, ?3, ?4)" \
	    " ON CONFLICT DO UPDATE SET n = excluded.n," \
	    " crc = excluded.crc, part = excluded.part") \
	X(METADATA_FILL, "INSERT INTO metadata VALUES (?1, ?2, ?3, ?4)" \
	    " ON CONFLICT DO NOTHING") \
	X(METADATA_DROP, "DELETE FROM metadata WHERE instance = ?1") \
	X(WANTS_SET, "INSERT INTO wants VALUES (?1, ?2)" \
	    " ON CONFLICT DO UPDATE SET wants = excluded.wants") \
	X(WANTS_DROP, "DELETE FROM wants WHERE case_id = ?1") \
	X(CLEAN_SET, "UPDATE meta SET value = ?1 WHERE key = 'clean'")

/* a reader's: id, statement */
#define INDEX_READS(X) \
	X(BEGIN, "BEGIN") \
	X(END, "COMMIT") \
	X(STUDY, "SELECT uid, patient_id, issuer, study_date, archive," \
	    " ready, kept, expected, n_series, n_instances, bytes," \
	    " last_used, used, modalities, classes, attrs" \
	    " FROM study WHERE id = ?1") \
	X(SERIES, "SELECT uid, modality, n_instances, attrs" \
	    " FROM series WHERE id = ?1") \
	X(INSTANCE, "SELECT uid, class_uid, syntax, name, digest, length," \
	    " start, attrs FROM instance WHERE id = ?1") \
	X(METADATA, "SELECT n, crc, part FROM metadata WHERE instance = ?1") \
	X(WANTS, "SELECT case_id, wants FROM wants ORDER BY case_id") \
	X(OBJECT, "SELECT length, start FROM instance WHERE name = ?1") \
	X(NAMES, "SELECT name FROM instance" \
	    " WHERE name BETWEEN ?1 AND ?2 ORDER BY name") \
	X(STUDY_OF, "SELECT st.uid, i.length FROM instance i" \
	    " JOIN series se ON se.id = i.series" \
	    " JOIN study st ON st.id = se.study WHERE i.name = ?1") \
	X(PAIRS, "SELECT class_uid, syntax, n FROM pair WHERE n > 0" \
	    " ORDER BY n DESC LIMIT ?1") \
	X(TOTALS, "SELECT count(*), ifnull(sum(n_instances), 0)," \
	    " ifnull(sum(bytes), 0) FROM study")
