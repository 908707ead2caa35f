// dcmjs-dimse as a viewer: dcmjs.js PORT PATIENT-ID. Prints the patient's
// studies, the objects that a C-GET of each brings, and its status.
'use strict';
const dimse = require('dcmjs-dimse');
const { Client, log } = dimse;
const { CFindRequest, CGetRequest } = dimse.requests;
const { CStoreResponse } = dimse.responses;
const { Status } = dimse.constants;

log.level = 'warn';
const [port, patient] = process.argv.slice(2);
const hex = (n) => n.toString(16).padStart(4, '0');

function send(request, onObject) {
  return new Promise((resolve, reject) => {
    const client = new Client();
    const answers = [];
    request.on('response', (response) => {
      if (response.getStatus() === Status.Pending) {
        if (response.hasDataset()) {
          answers.push(response.getDataset().getElements());
        }
      } else {
        resolve({ status: response.getStatus(), answers });
      }
    });
    client.on('cStoreRequest', (rq, done) => {
      onObject(rq.getDataset());
      const response = CStoreResponse.fromRequest(rq);
      response.setStatus(Status.Success);
      done(response);
    });
    client.on('associationRejected', () => reject(new Error('rejected')));
    client.on('networkError', reject);
    client.addRequest(request);
    client.send('127.0.0.1', Number(port), 'DCMJS', 'UNDERSTUDY');
  });
}

async function main() {
  const find = await send(CFindRequest.createStudyFindRequest({
    PatientID: patient, NumberOfStudyRelatedInstances: '' }));
  for (const study of find.answers) {
    const uid = study.StudyInstanceUID;
    console.log('study', uid, Number(study.NumberOfStudyRelatedInstances));
    const got = await send(CGetRequest.createStudyGetRequest(uid), (o) => {
      const e = o.getElements();
      const pixels = e.PixelData ? e.PixelData[0].byteLength : 0;
      console.log('object', e.SOPInstanceUID, pixels);
    });
    console.log('get', hex(got.status));
  }
}

main().catch((e) => {
  console.log('failed', e.message);
  process.exit(1);
});
