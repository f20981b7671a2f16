/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What `hark observer new` writes: files of the source tree, put into the program by tools/embed.
 */
#ifndef HARK_OBSERVER_FILES_H
#define HARK_OBSERVER_FILES_H

#include "base/bytes.h"

/* In the order in which hark/meson.build names them. */
enum observer_file { OBSERVER_FILE_HEADER, OBSERVER_FILE_C, OBSERVER_FILE_RUST, OBSERVER_FILES };

extern const struct bytes observer_files[OBSERVER_FILES];

#endif
