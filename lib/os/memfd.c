/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sealed memory by descriptor.  It does not map it. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/must.h"
#include "os/file.h"
#include "os/memfd.h"

/* With these it has its content and its size for ever. */
#define SEALS_OF_CONTENT (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE)

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

enum err
memfd_for_taking(const char *name, struct bytes content, int *out)
{
	cleanup(file_close) int fd = -1;
	enum err e;

	MUST(name != NULL && content.size > 0 && out != NULL);

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return ERR_SYSTEM;
	e = file_write_all(fd, content.data, content.size);
	if (e != ERR_OK)
		return e;
	/* Not F_SEAL_SEAL: that one is the taker's. */
	if (fcntl(fd, F_ADD_SEALS, SEALS_OF_CONTENT) != 0)
		return ERR_SYSTEM;
	*out = file_steal(&fd);
	return ERR_OK;
}

enum err
memfd_take(int fd, void *out, size_t capacity, size_t *size_out, uid_t *uid_out)
{
	struct stat st;
	ssize_t n;
	int seals;

	MUST(fd >= 0 && out != NULL && size_out != NULL && uid_out != NULL);

	/* EINVAL: it is no memory. */
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0)
		return errno == EINVAL ? ERR_REFUSED : ERR_SYSTEM;
	if ((seals & SEALS_OF_CONTENT) != SEALS_OF_CONTENT)
		return ERR_REFUSED;
	if (fstat(fd, &st) != 0)
		return ERR_SYSTEM;
	if ((uint64_t)st.st_size > capacity)
		return ERR_LIMIT;
	/* A seal is never taken off, and none is added after this one: who adds it is the first.
	 * EPERM: it is there, or the descriptor is for reading alone. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) != 0)
		return errno == EPERM ? ERR_REFUSED : ERR_SYSTEM;
	do
		n = pread(fd, out, (size_t)st.st_size, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return ERR_SYSTEM;
	if (n == 0 || n != st.st_size)
		return ERR_REFUSED;
	*size_out = (size_t)n;
	*uid_out = st.st_uid;
	return ERR_OK;
}
