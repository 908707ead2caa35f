/* SPDX-License-Identifier: MIT */
/* The operator's command. */
#include <signal.h>

#include "main/command.h"

int
main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_DFL); /* `understudy cases | head` ends us */
	struct command c;
	command_init(&c);
	return command_run(&c, argc, argv);
}
