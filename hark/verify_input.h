/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Verifier keys and checkpoints as a person names them on the command line. */
#ifndef HARK_VERIFY_INPUT_H
#define HARK_VERIFY_INPUT_H

#include <hark/verify.h>

/* `text` is a verifier key, or a file with one a line.  Says what is wrong; gives the exit code. */
int verify_input_key(struct hark_verifier *verifier, const char *text);
/* A file with a signed checkpoint.  The same. */
int verify_input_checkpoint(struct hark_verifier *verifier, const char *path);
/* The exit code of a verifier's error, which it tells. */
int verify_input_fail(enum hark_verifier_error e, const struct hark_failure *why);

#endif
