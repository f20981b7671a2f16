/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Each allocation and each system call of each probe fails once: an error comes back, no descriptor
 * stays open, and the next reading of the same probe is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hark/probe.h>

#include "unit.h"

/* The number of the call that fails; 0: none does. */
static unsigned fail_at;
static unsigned calls;

static int
fails(int system_error)
{
	if (fail_at == 0 || ++calls != fail_at)
		return 0;
	errno = system_error;
	return 1;
}

#define WRAP(result, failed, error, name, parameters, arguments)          \
	result __real_##name parameters;                                  \
	result __wrap_##name parameters;                                  \
	result __wrap_##name parameters                                   \
	{                                                                 \
		return fails(error) ? (failed) : __real_##name arguments; \
	}

WRAP(void *, NULL, ENOMEM, malloc, (size_t size), (size))
WRAP(void *, NULL, ENOMEM, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, NULL, ENOMEM, realloc, (void *old, size_t size), (old, size))
WRAP(int, -1, EMFILE, __openat64_2, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(int, -1, EIO, fstat64, (int fd, struct stat *out), (fd, out))
WRAP(int, -1, EIO, fstatat64, (int dir, const char *path, struct stat *out, int flags),
     (dir, path, out, flags))
WRAP(int, -1, EIO, fstatfs64, (int fd, void *out), (fd, out))
WRAP(ssize_t, -1, EIO, read, (int fd, void *data, size_t size), (fd, data, size))
WRAP(ssize_t, -1, EIO, pread64, (int fd, void *data, size_t size, off_t at), (fd, data, size, at))
WRAP(ssize_t, -1, EIO, readlink, (const char *path, char *out, size_t size), (path, out, size))
WRAP(int, -1, EMFILE, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, -1, EIO, bind, (int fd, const struct sockaddr *a, socklen_t size), (fd, a, size))
WRAP(int, -1, EIO, getsockname, (int fd, struct sockaddr *a, socklen_t *size), (fd, a, size))
WRAP(int, -1, EIO, setsockopt, (int fd, int level, int name, const void *v, socklen_t size),
     (fd, level, name, v, size))
WRAP(ssize_t, -1, ENOBUFS, sendto,
     (int fd, const void *d, size_t size, int flags, const struct sockaddr *a, socklen_t n),
     (fd, d, size, flags, a, n))
WRAP(ssize_t, -1, ENOBUFS, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))

int __real_openat64(int dir, const char *path, int flags, ...);
int __wrap_openat64(int dir, const char *path, int flags, ...);
int
__wrap_openat64(int dir, const char *path, int flags, ...)
{
	return fails(EMFILE) ? -1 : __real_openat64(dir, path, flags);
}

static char json[HARK_PROBE_READING_BYTES];
static char directory[PATH_MAX], path[PATH_MAX + 8];

static size_t
count_descriptors(void)
{
	size_t count = 0;
	int fd;

	for (fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static enum hark_probe_error
open_cgroup(struct hark_host_probe *out, struct hark_failure *why)
{
	return hark_probe_open_cgroup(directory, out, why);
}

static enum hark_probe_error
open_cgroup1(struct hark_host_probe *out, struct hark_failure *why)
{
	return hark_probe_open_cgroup("/sys/fs/cgroup/memory", out, why);
}

static enum hark_probe_error
open_tap_link(struct hark_host_probe *out, struct hark_failure *why)
{
	return hark_probe_open_tap_link("lo", out, why);
}

static enum hark_probe_error
open_fc_metrics(struct hark_host_probe *out, struct hark_failure *why)
{
	return hark_probe_open_fc_metrics(path, out, why);
}

static enum hark_probe_error
open_nftables(struct hark_host_probe *out, struct hark_failure *why)
{
	return hark_probe_open_nftables("inet", "hark_is_not_there", out, why);
}

static enum hark_probe_error
read_probe(struct hark_host_probe *probe, struct hark_probe_reading *reading)
{
	*reading = (struct hark_probe_reading){ .json = json, .json_capacity = sizeof(json) };
	return hark_probe_read(probe, reading, NULL);
}

/* `whole` is what a reading without faults answers. */
static void
fail_each_call(const char *name,
	       enum hark_probe_error (*open_probe)(struct hark_host_probe *, struct hark_failure *))
{
	struct hark_probe_reading reading;
	struct hark_failure why;
	enum hark_probe_error whole;
	size_t before;
	unsigned n, seen;
	{
		struct hark_host_probe probe = { NULL, NULL };

		fail_at = 0;
		before = count_descriptors();
		if (open_probe(&probe, &why) != HARK_PROBE_OK) {
			print_message("%s cannot be opened here: %s\n", name, why.text);
			skip();
		}
		whole = read_probe(&probe, &reading);
		hark_probe_close(&probe);
	}
	for (n = 1;; n++) {
		struct hark_host_probe probe = { NULL, NULL };
		enum hark_probe_error opened, e = HARK_PROBE_OK;

		calls = 0;
		fail_at = n;
		opened = open_probe(&probe, &why);
		if (opened == HARK_PROBE_OK)
			e = read_probe(&probe, &reading);
		seen = calls;
		fail_at = 0;
		if (opened == HARK_PROBE_OK) {
			/* A fault may only cost this one reading, or a part of it that it names. */
			if (seen >= n && e == HARK_PROBE_OK && whole == HARK_PROBE_OK &&
			    reading.output.size == 0)
				fail_msg("%s: call %u: nothing was read", name, n);
			if (read_probe(&probe, &reading) != whole)
				fail_msg("%s: call %u: the next reading is not whole", name, n);
		} else if (probe.functions != NULL) {
			fail_msg("%s: call %u: failed, and gave a probe", name, n);
		}
		hark_probe_close(&probe);
		if (count_descriptors() != before)
			fail_msg("%s: call %u: a descriptor is left open", name, n);
		if (seen < n)
			break;
	}
	if (n < 4)
		fail_msg("%s: only %u calls were seen: nothing was tested", name, n);
}

static void
put(const char *name, const char *text)
{
	char file[PATH_MAX + 32];
	FILE *f;

	(void)snprintf(file, sizeof(file), "%s/%s", directory, name);
	f = fopen(file, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

#define EVERY_FAULT(name)                               \
	static void every_fault_of_##name(void **state) \
	{                                               \
		(void)state;                            \
		fail_each_call(#name, open_##name);     \
	}

EVERY_FAULT(cgroup)
EVERY_FAULT(cgroup1)
EVERY_FAULT(tap_link)
EVERY_FAULT(fc_metrics)
EVERY_FAULT(nftables)

static int
make_directory(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	(void)snprintf(directory, sizeof(directory), "%s/hark-faults-XXXXXX",
		       base != NULL ? base : "/tmp");
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/m", directory);
	put("cpu.stat", "a 1\n");
	put("memory.events", "a 1\n");
	put("pids.events", "a 1\n");
	put("m", "{\"a\":1}\n");
	return 0;
}

static int
remove_directory(void **state)
{
	static const char *const names[] = { "cpu.stat", "memory.events", "pids.events", "m" };
	char file[PATH_MAX + 32];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(names); i++) {
		(void)snprintf(file, sizeof(file), "%s/%s", directory, names[i]);
		(void)unlink(file);
	}
	return rmdir(directory);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_of_cgroup),
		cmocka_unit_test(every_fault_of_cgroup1),
		cmocka_unit_test(every_fault_of_tap_link),
		cmocka_unit_test(every_fault_of_fc_metrics),
		cmocka_unit_test(every_fault_of_nftables),
	};

	return cmocka_run_group_tests_name("telemetry/probes_faults", tests, make_directory,
					   remove_directory);
}
