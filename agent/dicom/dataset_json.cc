/* SPDX-License-Identifier: MIT */
/* A data set as DICOM JSON, PS3.18 annex F. */

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "dicom/dataset_walk.h"

namespace {

const size_t CHARSETS_MAX = 64; // of one data set; real ones have one or two

// What counts for the data set as a whole, wherever in it it stands.
struct beginning {
	struct scan_element charset;
	bool is_signed; // (0028,0103), decides US or SS
	bool pixels; // there are some
};

// The items being written, the data set itself at the bottom.
struct level {
	uint64_t serial;
	uint32_t max; // of the tags written here
	size_t seen_at; // these, within Writer::seen_
	bool empty;
	Text *text; // for its values
};

class Writer {
public:
	Writer(struct buf *b, const char *bulk) : b_(b), bulk_(bulk)
	{
	}
	int run(const uint8_t *p, size_t n, const char *syntax,
	    const struct beginning *known, struct err *e);

private:
	void begin(const walk_event &ev);
	bool is_new(uint32_t tag);
	void open_sequence(const walk_event &ev);
	void close_sequence();
	void open_item();
	void close_item();
	bool value(const walk_event &ev);
	void bulk(uint32_t tag);
	bool skips(walk_kind k, const walk_event &ev);
	bool write(walk_kind k, const walk_event &ev);
	Text *text_for(const void *charset, size_t n);

	struct buf *b_;
	const char *bulk_;
	const uint8_t *p_ = nullptr;
	unsigned skip_ = 0; // sequences within one that is left out
	uint64_t serial_ = 0;
	std::vector<struct level> levels_;
	std::vector<uint32_t> seen_; // rising within each level
	std::set<std::pair<uint64_t, uint32_t>> late_; // those out of order
	std::vector<unsigned> items_; // of each open sequence, so far
	std::string path_; // to the level being written
	std::vector<size_t> path_at_; // its length before each sequence
	std::map<std::string, std::unique_ptr<Text>> texts_;
};

bool
is_bytes(const char *vr)
{
	return vr[0] == 'O' || is_vr(vr, "UN");
}

// Of a tag that comes twice the first counts, as everywhere in this room.
// Tags rise, as a rule; those that do not are looked up.
bool
Writer::is_new(uint32_t tag)
{
	struct level *l = &levels_.back();
	size_t n = seen_.size();
	if (n == l->seen_at || tag > l->max) {
		seen_.push_back(tag);
		l->max = tag;
		return true;
	}
	size_t from = l->seen_at;
	while (from < n) { // the first that is not below ${tag}
		size_t mid = from + (n - from) / 2;
		if (seen_[mid] < tag)
			from = mid + 1;
		else
			n = mid;
	}
	if (from < seen_.size() && seen_[from] == tag)
		return false;
	return late_.insert({l->serial, tag}).second;
}

Text *
Writer::text_for(const void *charset, size_t n)
{
	std::string key(static_cast<const char *>(n == 0 ? "" : charset), n);
	std::unique_ptr<Text> &t = texts_[key];
	if (t == nullptr)
		t.reset(new Text(charset, n));
	return texts_.size() > CHARSETS_MAX ? nullptr : t.get();
}

void
Writer::begin(const walk_event &ev)
{
	char key[] = ",\"00000000\":{\"vr\":\"..\"";
	bool first = levels_.back().empty;
	json_hex(key + 2, ev.tag);
	memcpy(key + 19, ev.vr, 2);
	levels_.back().empty = false;
	buf_add(b_, key + (first ? 1 : 0), sizeof(key) - 1 - (first ? 1 : 0));
}

void
Writer::open_sequence(const walk_event &ev)
{
	char hex[9] = "";
	begin(ev);
	json_hex(hex, ev.tag);
	items_.push_back(0);
	path_at_.push_back(path_.size());
	path_.append(hex, 8);
	path_ += '/';
}

void
Writer::close_sequence()
{
	buf_add_str(b_, items_.back() == 0 ? "}" : "]}");
	items_.pop_back();
	path_.resize(path_at_.back());
	path_at_.pop_back();
}

void
Writer::open_item()
{
	struct level l = levels_.back();
	unsigned i = ++items_.back();
	l.serial = ++serial_;
	l.seen_at = seen_.size();
	l.empty = true;
	levels_.push_back(l);
	buf_add_str(b_, i == 1 ? ",\"Value\":[{" : ",{");
	path_.resize(path_at_.back() + 9);
	path_ += std::to_string(i) + "/";
}

void
Writer::close_item()
{
	seen_.resize(levels_.back().seen_at);
	levels_.pop_back();
	buf_add_u8(b_, '}');
}

void
Writer::bulk(uint32_t tag)
{
	char hex[9] = "";
	json_hex(hex, tag);
	buf_add_str(b_, ",\"BulkDataURI\":\"");
	json_escape(b_, bulk_, strlen(bulk_));
	buf_addf(b_, "/%s%.8s\"", path_.c_str(), hex);
}

// False when the data set has more character sets than anybody needs.
bool
Writer::value(const walk_event &ev)
{
	const uint8_t *p = p_ + ev.at;
	bool pixels = ev.tag == TAG(0x7FE0, 0x0010) ||
	    ev.tag == TAG(0x7FE0, 0x0008) || ev.tag == TAG(0x7FE0, 0x0009);
	if (ev.tag == TAG_CHARSET) {
		levels_.back().text = text_for(p, ev.n);
		if (levels_.back().text == nullptr)
			return false;
		// what is written is UTF-8, PS3.18 F.2.2
		if (ev.n > 0)
			buf_add_str(b_, ",\"Value\":[\"ISO_IR 192\"]");
	} else if (is_bytes(ev.vr) && (pixels || ev.n > DATASET_INLINE_MAX)) {
		if (ev.n > 0)
			bulk(ev.tag);
	} else if (is_bytes(ev.vr)) {
		json_bytes(b_, ev.vr, p, ev.n, ev.big);
	} else if (!json_text(b_, ev.vr, p, ev.n, levels_.back().text)) {
		json_numbers(b_, ev.vr, p, ev.n, ev.big);
	}
	return true;
}

// Write what the walk tells; false as value() has it.
bool
Writer::write(walk_kind k, const walk_event &ev)
{
	bool ok = true;
	if (k == WALK_SEQUENCE) {
		open_sequence(ev);
	} else if (k == WALK_SEQUENCE_END) {
		close_sequence();
	} else if (k == WALK_ITEM) {
		open_item();
	} else if (k == WALK_ITEM_END) {
		close_item();
	} else {
		begin(ev);
		if (k == WALK_VALUE)
			ok = value(ev);
		else if (ev.n > 0)
			bulk(ev.tag);
		buf_add_u8(b_, '}');
	}
	return ok;
}

// Whether this is not written: group lengths, and what comes again.
bool
Writer::skips(walk_kind k, const walk_event &ev)
{
	if (skip_ > 0) {
		skip_ += k == WALK_SEQUENCE ? 1 : 0;
		skip_ -= k == WALK_SEQUENCE_END ? 1 : 0;
		return true;
	}
	if (k == WALK_ITEM || k == WALK_ITEM_END || k == WALK_SEQUENCE_END)
		return false;
	if ((ev.tag & 0xFFFF) != 0 && is_new(ev.tag))
		return false;
	skip_ = k == WALK_SEQUENCE ? 1 : 0;
	return true;
}

int
Writer::run(const uint8_t *p, size_t n, const char *syntax,
    const struct beginning *known, struct err *e)
{
	Walk w(p, n, syntax, known->is_signed);
	walk_event ev;
	bool told = false;
	p_ = p;
	levels_.push_back({0, 0, 0, true,
	    text_for(known->charset.p, known->charset.n)});
	buf_add_u8(b_, '{');
	for (;;) {
		walk_kind k = w.next(&ev);
		if (k == WALK_FAILED || (k == WALK_CUT && !known->pixels))
			return w.failed(e);
		if (k == WALK_END || k == WALK_CUT)
			break;
		if (skips(k, ev))
			continue;
		told = told || k == WALK_PIXELS;
		if (!write(k, ev))
			return err_set(e, ERR_PARSE, 0,
			    "data set: want at most %zu character sets",
			    CHARSETS_MAX);
	}
	// cut within the offset table, which only compressed pixels have
	ev = {TAG(0x7FE0, 0x0010), "OB", false, 0, 1};
	if (known->pixels && !told && !write(WALK_PIXELS, ev))
		return -1; // not reached: pixels have no character set
	buf_add_u8(b_, '}');
	return 0;
}

bool
note(void *ctx, const struct scan_element *el) noexcept // scan_element_fn
{
	struct beginning *g = static_cast<struct beginning *>(ctx);
	if (el->p == nullptr)
		return true;
	if (el->tag == TAG_CHARSET && g->charset.p == nullptr)
		g->charset = *el;
	if (el->tag == TAG(0x0028, 0x0103) && el->n == 2)
		g->is_signed = (el->p[0] | el->p[1]) == 1;
	return true;
}

int
write_json(const void *p, size_t n, const char *syntax, const char *bulk,
    struct buf *b, struct err *e)
{
	struct scan found;
	struct beginning known = {};
	if (scan_data_set(p, n, syntax, note, &known, &found, e) == -1)
		return -1;
	if (found.how == SCAN_MORE)
		return err_set(e, ERR_PARSE, 0,
		    "data set: ends inside the element at %zu", found.end);
	if (found.end > DATASET_HEADER_MAX)
		return err_set(e, ERR_PARSE, 0,
		    "data set: want at most %zu bytes before the pixels",
		    DATASET_HEADER_MAX);
	known.pixels = found.how == SCAN_PIXELS;
	Writer w(b, bulk);
	if (w.run(static_cast<const uint8_t *>(p), n, syntax, &known, e) == -1)
		return -1;
	return b->failed ? err_set(e, ERR_INVAL, 0,
	    "data set: want at most %zu bytes of JSON", b->max) : 0;
}

int
write_deflated(const void *p, size_t n, const char *bulk, struct buf *b,
    struct err *e)
{
	uint8_t *plain = nullptr;
	size_t plain_n = 0;
	if (inflate_header(p, n, &plain, &plain_n, e) == -1)
		return -1;
	int rc = guarded(e, [&] {
		return write_json(plain, plain_n, SYNTAX_EXPLICIT_LE, bulk, b,
		    e);
	});
	mem_free(plain);
	return rc;
}

// One step of a path; the last has no item.
struct step {
	uint32_t tag;
	int64_t item;
};

bool
parse_path(const char *path, std::vector<struct step> *ret)
{
	while (ret->size() <= SCAN_DEPTH_MAX) {
		uint8_t b[4];
		char hex[9];
		struct step s = {0, 0};
		(void)str_copy(hex, sizeof(hex), path); // the first eight
		if (!str_unhex(b, hex, sizeof(b)))
			return false;
		s.tag = TAG(b[0] << 8 | b[1], b[2] << 8 | b[3]);
		path += 8;
		if (*path == '\0') {
			ret->push_back(s);
			return true;
		}
		size_t digits = strcspn(++path, "/");
		if (path[-1] != '/' || path[digits] != '/' ||
		    !str_to_i64_n(path, digits, 1, INT32_MAX, &s.item))
			return false;
		ret->push_back(s);
		path += digits + 1;
	}
	return false;
}

// Where the pixel data ends is not said when it lies in fragments.
int
locate_pixels(const uint8_t *p, size_t n, const walk_event &ev, size_t *ret_n,
    struct err *e)
{
	size_t end = 0;
	if (ev.n != WALK_UNDEFINED && ev.n > n - ev.at)
		return err_set(e, ERR_PARSE, 0,
		    "data set: want %zu bytes of pixels, have %zu", ev.n,
		    n - ev.at);
	*ret_n = ev.n;
	if (ev.n != WALK_UNDEFINED)
		return 1;
	if (!walk_fragments(p, n, ev.at, ev.big, &end))
		return err_set(e, ERR_PARSE, 0,
		    "data set: want pixels in fragments and their end");
	*ret_n = end - ev.at;
	return 1;
}

class Finder {
public:
	explicit Finder(const std::vector<struct step> &path) : path_(path)
	{
	}
	// 1 the element asked for, 0 there is none, 2 go on.
	int see(walk_kind k, const walk_event &ev);

private:
	const std::vector<struct step> &path_;
	size_t at_ = 0; // steps gone into
	unsigned skip_ = 0; // sequences and items aside of the way
	int64_t item_ = 0; // of the sequence on the way
};

int
Finder::see(walk_kind k, const walk_event &ev)
{
	bool down = k == WALK_SEQUENCE || k == WALK_ITEM;
	bool up = k == WALK_SEQUENCE_END || k == WALK_ITEM_END;
	bool last = at_ + 1 == path_.size();
	if (skip_ > 0) {
		skip_ += down ? 1 : 0;
		skip_ -= up ? 1 : 0;
		return 2;
	}
	if (up || k == WALK_END || k == WALK_CUT)
		return 0; // of what comes twice the first counts
	if (k == WALK_ITEM) {
		bool here = ++item_ == path_[at_].item;
		at_ += here ? 1 : 0;
		skip_ = here ? 0 : 1;
		return 2;
	}
	if (ev.tag != path_[at_].tag) {
		skip_ = down ? 1 : 0;
		return k == WALK_PIXELS ? 0 : 2;
	}
	item_ = 0;
	if (k == WALK_SEQUENCE)
		return last ? 0 : 2;
	return last ? 1 : 0;
}

int
locate(const uint8_t *p, size_t n, const char *syntax, const char *path,
    size_t *ret_at, size_t *ret_n, struct err *e)
{
	std::vector<struct step> steps;
	walk_event ev;
	walk_kind k;
	int rc = 2;
	if (str_eq(syntax, SYNTAX_DEFLATED_LE))
		return err_set(e, ERR_INVAL, 0,
		    "locate: want no deflated data set");
	if (!parse_path(path, &steps))
		return 0;
	Walk w(p, n, syntax, false);
	Finder f(steps);
	while (rc == 2) {
		k = w.next(&ev);
		if (k == WALK_FAILED)
			return w.failed(e);
		rc = f.see(k, ev);
	}
	size_t found = ev.n;
	if (rc == 1 && k == WALK_PIXELS)
		rc = locate_pixels(p, n, ev, &found, e);
	if (rc != 1)
		return rc;
	*ret_at = ev.at;
	*ret_n = found;
	return 1;
}

} // namespace

int
dataset_json(const void *p, size_t n, const char *syntax, const char *bulk,
    struct buf *b, struct err *e)
{
	size_t before = b->len;
	int rc = guarded(e, [&] {
		if (str_eq(syntax, SYNTAX_DEFLATED_LE))
			return write_deflated(p, n, bulk, b, e);
		return write_json(p, n, syntax, bulk, b, e);
	});
	if (rc == -1)
		b->len = before;
	return rc;
}

int
dataset_locate(const void *p, size_t n, const char *syntax, const char *path,
    size_t *ret_at, size_t *ret_n, struct err *e)
{
	return guarded(e, [&] {
		return locate(static_cast<const uint8_t *>(p), n, syntax,
		    path, ret_at, ret_n, e);
	});
}
