/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How a program of Hark ends: scripts depend on these numbers. */
#ifndef PROG_EXIT_H
#define PROG_EXIT_H

enum exit_code {
	EXIT_OK = 0,
	EXIT_TAMPERED = 1,   /* evidence was changed, or a signature is refused */
	EXIT_USAGE = 2,      /* the command line is wrong */
	EXIT_INCOMPLETE = 3, /* evidence is missing */
	EXIT_UNVERIFIABLE = 4,
	EXIT_UNREACHABLE = 5, /* the daemon does not answer */
	/* As in sysexits.h. */
	EXIT_DATA = 65,        /* EX_DATAERR: what was read is malformed */
	EXIT_NO_INPUT = 66,    /* EX_NOINPUT: what should be read is not there */
	EXIT_NO_USER = 67,     /* EX_NOUSER */
	EXIT_NO_HOST = 68,     /* EX_NOHOST */
	EXIT_UNAVAILABLE = 69, /* EX_UNAVAILABLE: this build or kernel lacks it */
	EXIT_SOFTWARE = 70,    /* EX_SOFTWARE: our own mistake, or no memory */
	EXIT_OS = 71,          /* EX_OSERR: a system call failed */
	EXIT_OS_FILE = 72,     /* EX_OSFILE */
	EXIT_CANT_CREATE = 73, /* EX_CANTCREAT: such as a socket that cannot be bound */
	EXIT_IO = 74,          /* EX_IOERR: such as output that cannot be written */
	EXIT_TEMPORARY = 75,   /* EX_TEMPFAIL */
	EXIT_PROTOCOL = 76,    /* EX_PROTOCOL */
	EXIT_NO_PERMISSION = 77,
	EXIT_CONFIG = 78, /* EX_CONFIG: such as a signing key that is not one */
};

#endif
