// dicomweb-client as a viewer: dicomweb.js BASE. Finds every study, reads the
// metadata of each, retrieves it whole, a frame of its first image, and prints
// "UID BYTES SHA256" of each object's data set.
'use strict';
const crypto = require('crypto');
const { api } = require('dicomweb-client');

if (typeof globalThis.XMLHttpRequest === 'undefined') {
  globalThis.XMLHttpRequest = require('xhr2');
}
const client = new api.DICOMwebClient({ url: process.argv[2] });
const first = (row, tag) => row[tag].Value[0];

// data set of a Part 10 file: group 0002 tells its own length
function dataset(file) {
  const b = Buffer.from(file);
  if (b.toString('latin1', 128, 132) !== 'DICM') {
    throw new Error('not a Part 10 file');
  }
  return b.subarray(144 + b.readUInt32LE(140));
}

function classAndUid(file) {
  const b = Buffer.from(file);
  const at = b.indexOf(Buffer.from([2, 0, 3, 0])) + 6;
  return b.toString('latin1', at + 2, at + 2 + b.readUInt16LE(at))
    .replace(/[\0 ]+$/, '');
}

async function main() {
  const studies = await client.searchForStudies();
  for (const row of studies) {
    const studyInstanceUID = first(row, '0020000D');
    const metadata = await client.retrieveStudyMetadata({ studyInstanceUID });
    // it asks for Explicit LE, which not everything can be converted to
    let files;
    try {
      files = await client.retrieveStudy({ studyInstanceUID });
    } catch (e) {
      if (e.status !== 406) {
        throw e;
      }
      for (const o of metadata) {
        console.log('refused', first(o, '00080018'));
      }
      continue;
    }
    if (files.length !== metadata.length) {
      throw new Error(`${files.length} files, ${metadata.length} headers`);
    }
    for (const file of files) {
      const body = dataset(file);
      console.log(classAndUid(file), body.length,
        crypto.createHash('sha256').update(body).digest('hex'));
    }
    const o = metadata[0];
    const instance = await client.retrieveInstance({ studyInstanceUID,
      seriesInstanceUID: first(o, '0020000E'),
      sopInstanceUID: first(o, '00080018') });
    dataset(instance);
    if ((o['7FE00010'] || {}).BulkDataURI === undefined ||
        !o['00280010'] || (o['00280008'] && first(o, '00280008') > 1)) {
      continue;
    }
    const frames = await client.retrieveInstanceFrames({ studyInstanceUID,
      seriesInstanceUID: first(o, '0020000E'),
      sopInstanceUID: first(o, '00080018'), frameNumbers: [1],
      mediaTypes: [{ mediaType: 'application/octet-stream',
        transferSyntaxUID: '*' }] });
    if (frames.length !== 1 || frames[0].byteLength === 0) {
      throw new Error('no frame');
    }
  }
}

main().catch((e) => {
  console.log('failed', e.message || e);
  process.exit(1);
});
