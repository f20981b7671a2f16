/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sealed memory by descriptor.  It does not map it. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/must.h"
#include "os/file.h"
#include "os/memfd.h"

enum err
memfd_make(const char *name, size_t size, int *out)
{
	cleanup(file_close) int fd = -1;

	MUST(name != NULL && size > 0 && out != NULL);

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return ERR_SYSTEM;
	/* A memfd is born 0777: through /proc/self/fd a reader could open it for writing. */
	if (fchmod(fd, 0600) != 0 || ftruncate(fd, (off_t)size) != 0)
		return ERR_SYSTEM;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
		return ERR_SYSTEM;
	*out = file_steal(&fd);
	return ERR_OK;
}

enum err
memfd_reopen_read_only(int fd, int *out)
{
	char path[64];
	int again;

	MUST(fd >= 0 && out != NULL);

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	if (again < 0)
		return ERR_SYSTEM;
	*out = again;
	return ERR_OK;
}

enum err
memfd_of(const char *name, struct bytes content, int *out)
{
	cleanup(file_close) int fd = -1;
	enum err e;

	e = memfd_make(name, content.size, &fd);
	if (e == ERR_OK)
		e = file_write_all(fd, content.data, content.size);
	if (e != ERR_OK)
		return e;
	/* The one that can write is closed, and 0600 keeps others from making another. */
	return memfd_reopen_read_only(fd, out);
}
