/* SPDX-License-Identifier: MIT
 *
 * classes: the SOP classes of services (PS3.6 table A-1): verification, and
 * query and retrieve in both roots. What may be stored is no concern of this.
 */
#ifndef WIRE_CLASSES_H
#define WIRE_CLASSES_H

#define CLASS_VERIFICATION "1.2.840.10008.1.1"
#define CLASS_PATIENT_FIND "1.2.840.10008.5.1.4.1.2.1.1"
#define CLASS_PATIENT_MOVE "1.2.840.10008.5.1.4.1.2.1.2"
#define CLASS_PATIENT_GET "1.2.840.10008.5.1.4.1.2.1.3"
#define CLASS_STUDY_FIND "1.2.840.10008.5.1.4.1.2.2.1"
#define CLASS_STUDY_MOVE "1.2.840.10008.5.1.4.1.2.2.2"
#define CLASS_STUDY_GET "1.2.840.10008.5.1.4.1.2.2.3"

/* How those of the patient root begin, and those of both. */
#define CLASS_PATIENT_ROOT "1.2.840.10008.5.1.4.1.2.1."
#define CLASS_QUERY_RETRIEVE "1.2.840.10008.5.1.4.1.2."

#endif
