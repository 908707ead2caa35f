/* SPDX-License-Identifier: MIT
 *
 * agent: the whole of understudyd between reading its configuration and its
 * end. Called by main, on the main thread, which becomes the loop's.
 * Owns every room's object; starts them in named steps and stops them again.
 */
#ifndef MAIN_AGENT_H
#define MAIN_AGENT_H

#include "base/err.h"
#include "main/conf.h"

/* Run until SIGTERM or SIGINT. 0 = ended as told; -1 = could not start. */
int agent_run(const struct conf *c, const char *decode_program,
    struct err *e);

#endif
