/* SPDX-License-Identifier: MIT */
/* Data sets from one transfer syntax to another by DCMTK, its codecs, and
 * OpenJPEG.
 *
 * Nothing is changed that the codecs do not change: no new UIDs, no colour
 * conversion, no attribute dropped; a lossy image stays marked as lossy. The
 * result stays a tree until it is read, piece by piece; its length is found
 * by writing it once for nobody.
 */
#include <cstring>
#include <initializer_list>
#include <memory>
#include <new>

#include <zlib.h>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcostrmb.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcwcache.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include "decode/decode_priv.h"
#include "decode/compressed.h"

extern "C" {
#include "base/mem.h"
#include "base/str.h"
#include "dicom/decode.h"
#include "wire/scan.h"
}

struct transcoded {
	DcmDataset set;
	E_TransferSyntax to = EXS_Unknown;
	std::unique_ptr<DcmWriteCache> cache;
	bool finished = false;
};

namespace {

const size_t PIECE = 256 * 1024; // bytes written for nobody at once

template <typename fn>
int
guarded(struct err *e, fn body) noexcept
{
	try {
		return body();
	} catch (const std::bad_alloc &) {
		return err_set(e, ERR_NOMEM, 0, "no memory");
	} catch (...) {
		return err_set(e, ERR_PARSE, 0, "the toolkit failed");
	}
}

// DCMTK's texts may quote the data set: its numbers do not.
int
refused(const char *what, OFCondition rc, struct err *e)
{
	return err_set(e, ERR_PARSE, 0, "cannot %s, reason %u of module %u",
	    what, rc.code(), rc.module());
}

bool
is_one_of(const char *syntax, std::initializer_list<const char *> list)
{
	for (const char *s : list) {
		if (str_eq(syntax, s))
			return true;
	}
	return false;
}

// High throughput is another entropy coder in the same codestream, and
// younger than this toolkit's list of syntaxes.
bool
is_jpeg2000(const char *syntax)
{
	return is_one_of(syntax,
	    {"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91",
		"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202",
		"1.2.840.10008.1.2.4.203"});
}

bool
is_jpeg(const char *syntax)
{
	return is_one_of(syntax,
	    {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51",
		"1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55",
		"1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"});
}

// What the toolkit's codecs let pass and no reader should see.
int
check(DcmDataset *set, const char *from, struct err *e)
{
	if (is_jpeg(from))
		return jpeg_check(set, e);
	if (str_eq(from, "1.2.840.10008.1.2.5"))
		return rle_check(set, e);
	return 0;
}

E_TransferSyntax
syntax_of(const char *uid)
{
	// inflated before the toolkit sees it
	if (str_eq(uid, SYNTAX_DEFLATED_LE))
		return EXS_LittleEndianExplicit;
	return is_jpeg2000(uid) ? EXS_JPEG2000 : DcmXfer(uid).getXfer();
}

// PS3.5 A.5, the whole stream: the toolkit takes the end of the input for
// the end of the data set.
int
inflate_all(uint8_t **p, size_t *n, struct err *e)
{
	z_stream z;
	size_t size = *n * 4 + 4096;
	uint8_t *out = nullptr;
	uint8_t *grown = nullptr;
	size_t done = 0;
	int rc = Z_OK;
	int result = -1;

	memset(&z, 0, sizeof(z));
	z.next_in = *p;
	z.avail_in = static_cast<uInt>(*n); // 2 GiB at most
	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return err_set(e, ERR_NOMEM, 0, "no memory");
	while (rc == Z_OK) {
		if (size > DECODE_OBJECT_MAX)
			size = DECODE_OBJECT_MAX;
		grown = static_cast<uint8_t *>(mem_try(size, e));
		if (grown == nullptr)
			goto out;
		if (out != nullptr)
			memcpy(grown, out, done);
		mem_free(out);
		out = grown;
		z.next_out = out + done;
		z.avail_out = static_cast<uInt>(size - done);
		rc = inflate(&z, Z_NO_FLUSH);
		done = size - z.avail_out;
		if (rc == Z_OK && (z.avail_out > 0 ||
			size == DECODE_OBJECT_MAX))
			rc = Z_DATA_ERROR; // cut short, or a bomb
		size *= 4;
	}
	if (rc != Z_STREAM_END) {
		(void)err_set(e, ERR_PARSE, 0,
		    "cannot inflate"); // returned below
		goto out;
	}
	mem_free(*p);
	*p = out;
	*n = done;
	out = nullptr; // the caller owns it now
	result = 0;
out:
	(void)inflateEnd(&z); // only fails for a stream that never began
	mem_free(out);
	return result;
}

int
parse(transcoded *t, const uint8_t *p, size_t n, E_TransferSyntax syntax,
    struct err *e)
{
	DcmInputBufferStream in;
	in.setBuffer(p, static_cast<offile_off_t>(n));
	in.setEos();
	t->set.transferInit();
	OFCondition rc = t->set.read(in, syntax, EGL_noChange);
	t->set.transferEnd();
	if (rc.bad())
		return refused("parse", rc, e);
	if (in.avail() > 0)
		return err_set(e, ERR_PARSE, 0,
		    "cannot parse, something behind the data set");
	return 0;
}

int
decompress(transcoded *t, const char *from, struct err *e)
{
	if (is_jpeg2000(from) && jpeg2000_decode(&t->set, e) == -1)
		return -1;
	if (check(&t->set, from, e) == -1)
		return -1;
	OFCondition rc = t->set.chooseRepresentation(t->to, nullptr);
	if (rc.bad())
		return refused("decompress", rc, e);
	t->set.removeAllButCurrentRepresentations();
	if (!t->set.canWriteXfer(t->to))
		return err_set(e, ERR_PARSE, 0, "cannot decompress all");
	return 0;
}

void
rewind(transcoded *t)
{
	t->set.transferEnd();
	t->set.transferInit();
	t->cache.reset(new DcmWriteCache());
	t->finished = false;
}

int
write_some(transcoded *t, void *p, size_t max, size_t *ret_n, struct err *e)
{
	void *filled = nullptr;
	offile_off_t n = 0;
	DcmOutputBufferStream out(p, static_cast<offile_off_t>(max));
	if (t->finished) {
		*ret_n = 0;
		return 0;
	}
	OFCondition rc = t->set.write(out, t->to, EET_ExplicitLength,
	    t->cache.get(), EGL_recalcGL, EPD_noChange);
	out.flushBuffer(filled, n);
	if (rc.bad() && rc != EC_StreamNotifyClient)
		return refused("write", rc, e);
	// no progress is no end either: the caller would ask for ever
	if (rc.bad() && n == 0)
		return err_set(e, ERR_PARSE, 0, "cannot write");
	t->finished = rc.good();
	*ret_n = static_cast<size_t>(n);
	return 0;
}

int
measure(transcoded *t, uint64_t *ret_n, struct err *e)
{
	std::unique_ptr<uint8_t[]> piece(new uint8_t[PIECE]);
	uint64_t total = 0;
	size_t n = 0;
	rewind(t);
	do {
		if (write_some(t, piece.get(), PIECE, &n, e) == -1)
			return -1;
		total += n;
		if (total > DECODE_OBJECT_MAX)
			return err_set(e, ERR_PARSE, 0,
			    "the result is too large");
	} while (!t->finished);
	rewind(t);
	*ret_n = total;
	return 0;
}

int
run(transcoded *t, uint8_t **p, size_t n, const char *from, uint64_t *ret_n,
    struct err *e)
{
	E_TransferSyntax syntax = syntax_of(from);
	if (syntax == EXS_Unknown)
		return err_set(e, ERR_PARSE, 0, "no such syntax");
	if (str_eq(from, SYNTAX_DEFLATED_LE) && inflate_all(p, &n, e) == -1)
		return -1;
	int rc = parse(t, *p, n, syntax, e);
	mem_free(*p); // before the result takes as much
	*p = nullptr;
	if (rc == -1 || decompress(t, from, e) == -1)
		return -1;
	return measure(t, ret_n, e);
}

} // namespace

int
transcode_init(struct err *e)
{
	return guarded(e, [&] {
		OFLog::configure(OFLogger::OFF_LOG_LEVEL);
		if (!dcmDataDict.isDictionaryLoaded())
			return err_set(e, ERR_IO, 0,
			    "decode: the toolkit has no dictionary");
		DcmRLEDecoderRegistration::registerCodecs();
		DJDecoderRegistration::registerCodecs(EDC_never, EUC_never);
		DJLSDecoderRegistration::registerCodecs(EJLSUC_never);
		return 0;
	});
}

struct transcoded *
transcode(uint8_t **take, size_t n, const char *from, const char *to,
    uint64_t *ret_n, struct err *e)
{
	transcoded *t = nullptr;
	uint8_t *p = *take;
	*take = nullptr;
	int rc = guarded(e, [&] {
		if (!is_one_of(to, {SYNTAX_IMPLICIT_LE, SYNTAX_EXPLICIT_LE,
			SYNTAX_EXPLICIT_BE}))
			return err_set(e, ERR_PARSE, 0, "no such syntax");
		t = new transcoded;
		t->to = DcmXfer(to).getXfer();
		return run(t, &p, n, from, ret_n, e);
	});
	mem_free(p);
	if (rc == -1)
		transcoded_free(&t);
	return t;
}

int
transcoded_read(struct transcoded *t, void *p, size_t max, size_t *ret_n,
    struct err *e)
{
	return guarded(e,
	    [&] { return write_some(t, p, max, ret_n, e); });
}

void
transcoded_free(struct transcoded **pp)
{
	delete *pp;
	*pp = nullptr;
}
