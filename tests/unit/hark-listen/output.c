/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The output's buffer: nothing is lost, nothing comes twice, nothing blocks. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hark-listen/output.h"
#include "unit.h"

/* What the wrapped write does: takes at most write_max bytes, fails with write_errno if set. */
static size_t write_max;
static size_t write_largest;
static int write_errno;
static bool write_interrupts; /* every other call */
static bool write_was_interrupted;
static bool malloc_fails;

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

ssize_t
__wrap_write(int fd, const void *data, size_t size)
{
	if (write_errno != 0) {
		errno = write_errno;
		return -1;
	}
	if (write_interrupts && !write_was_interrupted) {
		write_was_interrupted = true;
		errno = EINTR;
		return -1;
	}
	write_was_interrupted = false;
	if (size > write_largest)
		write_largest = size;
	return __real_write(fd, data, size < write_max ? size : write_max);
}

void *
__wrap_malloc(size_t size)
{
	return malloc_fails ? NULL : __real_malloc(size);
}

struct rig {
	struct output o;
	int read_fd;
	int write_fd;
	char got[4 * OUTPUT_BYTES];
	size_t got_size;
};

static int
setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int fds[2];

	write_max = SIZE_MAX;
	write_largest = 0;
	write_errno = 0;
	write_interrupts = false;
	malloc_fails = false;
	/* cmocka itself is not in the way: it writes by stdio. */
	assert_non_null(rig);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	rig->read_fd = fds[0];
	rig->write_fd = fds[1];
	assert_int_equal(output_init(&rig->o, rig->write_fd), ERR_OK);
	*state = rig;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *rig = *state;

	write_errno = 0;
	write_max = SIZE_MAX;
	output_finish(&rig->o);
	output_finish(&rig->o);
	(void)close(rig->read_fd);
	(void)close(rig->write_fd);
	free(rig);
	return 0;
}

/* Reads what the pipe has, at most `max` bytes. */
static size_t
take(struct rig *rig, size_t max)
{
	ssize_t n;

	assert_int_equal(fcntl(rig->read_fd, F_SETFL, O_NONBLOCK), 0);
	assert_true(rig->got_size + max <= sizeof(rig->got));
	n = read(rig->read_fd, rig->got + rig->got_size, max);
	if (n < 0)
		return 0;
	rig->got_size += (size_t)n;
	return (size_t)n;
}

static enum hark_telemetry_error
emit(struct output *o, const char *json, size_t size)
{
	struct hark_event_sink sink = output_sink(o);

	return sink.emit(sink.context, json, size);
}

/* The line of this number: its length varies from line to line. */
static size_t
line_of(unsigned int number, char *line, size_t capacity)
{
	int size = snprintf(line, capacity, "{\"n\":%u,\"x\":\"%0*u\"}", number,
			    (int)(number * 37 % 900 + 1), number);

	assert_true(size > 0 && (size_t)size < capacity);
	return (size_t)size;
}

static void
assert_lines(const struct rig *rig, unsigned int count)
{
	const char *at = rig->got;
	unsigned int i;

	for (i = 0; i < count; i++) {
		char line[1024];
		size_t size = line_of(i, line, sizeof(line));

		assert_true((size_t)(rig->got + rig->got_size - at) >= size + 1);
		assert_memory_equal(at, line, size);
		assert_int_equal(at[size], '\n');
		at += size + 1;
	}
	assert_ptr_equal(at, rig->got + rig->got_size);
}

static void
a_line_goes_out_at_once(void **state)
{
	struct rig *rig = *state;

	assert_true(output_is_empty(&rig->o));
	assert_int_equal(emit(&rig->o, "{}", 2), HARK_TELEMETRY_OK);
	assert_false(output_is_empty(&rig->o));
	assert_int_equal(output_flush(&rig->o), ERR_OK);
	assert_true(output_is_empty(&rig->o));
	assert_int_equal(take(rig, 100), 3);
	assert_memory_equal(rig->got, "{}\n", 3);
}

/* Writers and readers in steps of all sizes; the pipe is full again and again. */
static void
every_line_comes_once(void **state)
{
	static const struct {
		const char *rule;
		size_t write_max;
		size_t read_max;
		bool interrupts;
	} rows[] = {
		{ "whole writes, slow reader", SIZE_MAX, 1000, false },
		{ "short writes", 7, 65536, false },
		{ "short writes, interrupted", 1000, 4096, true },
		{ "quick reader", SIZE_MAX, 1u << 20, true },
	};
	struct rig *rig = *state;
	size_t row;

	for (row = 0; row < COUNT_OF(rows); row++) {
		unsigned int made = 0;
		const unsigned int count = 2500;

		print_message("# %s\n", rows[row].rule);
		write_max = rows[row].write_max;
		write_interrupts = rows[row].interrupts;
		rig->got_size = 0;
		while (made < count || !output_is_empty(&rig->o)) {
			while (made < count && output_has_room(&rig->o)) {
				char line[1024];
				size_t size = line_of(made, line, sizeof(line));

				assert_int_equal(emit(&rig->o, line, size), HARK_TELEMETRY_OK);
				made++;
			}
			switch (output_flush(&rig->o)) {
			case ERR_OK:
				assert_true(output_is_empty(&rig->o));
				break;
			case ERR_AGAIN:
				assert_false(output_is_empty(&rig->o));
				break;
			default:
				fail();
			}
			(void)take(rig, rows[row].read_max);
		}
		while (take(rig, 65536) > 0)
			;
		assert_lines(rig, count);
	}
}

static void
a_full_pipe_is_left_alone(void **state)
{
	struct rig *rig = *state;
	char line[1024];
	unsigned int i;

	for (i = 0; i < 300; i++)
		assert_int_equal(emit(&rig->o, line, line_of(i, line, sizeof(line))),
				 HARK_TELEMETRY_OK);
	/* A blocking descriptor: that this returns at all is the test. */
	assert_int_equal(output_flush(&rig->o), ERR_AGAIN);
	assert_true(write_largest <= PIPE_BUF);
	assert_int_equal(fcntl(rig->write_fd, F_GETFL) & O_NONBLOCK, 0);
	/* The deadline has passed: what is there stays there. */
	assert_int_equal(output_drain(&rig->o, 0), ERR_SYSTEM);
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(rig->o.failed, 0);
	while (take(rig, 65536) > 0)
		(void)!output_flush(&rig->o);
	assert_lines(rig, 300);
	assert_int_equal(output_drain(&rig->o, 0), ERR_OK);
}

static void
without_room_there_are_five_large_ones_left(void **state)
{
	struct rig *rig = *state;
	char *large = test_calloc(1, HARK_EVENT_BYTES_MAX);
	unsigned int i;
	size_t size;

	memset(large, 'x', HARK_EVENT_BYTES_MAX);
	while (output_has_room(&rig->o))
		assert_int_equal(emit(&rig->o, "{}", 2), HARK_TELEMETRY_OK);
	assert_true(OUTPUT_BYTES - rig->o.size >= OUTPUT_ROOM_BYTES - 3);
	assert_int_equal(emit(&rig->o, large, HARK_EVENT_BYTES_MAX - 3), HARK_TELEMETRY_OK);
	for (i = 1; i < 5; i++)
		assert_int_equal(emit(&rig->o, large, HARK_EVENT_BYTES_MAX), HARK_TELEMETRY_OK);
	size = rig->o.size;
	assert_int_equal(emit(&rig->o, large, HARK_EVENT_BYTES_MAX), HARK_TELEMETRY_SINK);
	assert_int_equal(rig->o.size, size);
	/* To the last byte, and not one more. */
	size = OUTPUT_BYTES - rig->o.size;
	assert_true(size <= HARK_EVENT_BYTES_MAX);
	assert_int_equal(emit(&rig->o, large, size), HARK_TELEMETRY_SINK);
	assert_int_equal(emit(&rig->o, large, size - 1), HARK_TELEMETRY_OK);
	assert_int_equal(rig->o.size, OUTPUT_BYTES);
	assert_int_equal(emit(&rig->o, large, 0), HARK_TELEMETRY_SINK);
	test_free(large);
}

static void
a_file_is_written_whole(void **state)
{
	struct rig *rig = *state;
	struct output o;
	char line[1024];
	unsigned int i;
	ssize_t n;
	int fd;

	(void)rig;
	fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = memfd_create("output", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(output_init(&o, fd), ERR_OK);
	for (i = 0; i < 300; i++)
		assert_int_equal(emit(&o, line, line_of(i, line, sizeof(line))), HARK_TELEMETRY_OK);
	assert_int_equal(output_flush(&o), ERR_OK);
	assert_true(write_largest > PIPE_BUF);
	n = pread(fd, rig->got, sizeof(rig->got), 0);
	assert_true(n > 0);
	rig->got_size = (size_t)n;
	assert_lines(rig, 300);
	output_finish(&o);
	(void)close(fd);
}

static void
a_broken_descriptor_is_broken_for_good(void **state)
{
	struct rig *rig = *state;
	static const int numbers[] = { EPIPE, EIO, ENOSPC };
	size_t i;

	for (i = 0; i < COUNT_OF(numbers); i++) {
		struct output o;

		write_errno = 0;
		assert_int_equal(output_init(&o, rig->write_fd), ERR_OK);
		assert_int_equal(emit(&o, "{}", 2), HARK_TELEMETRY_OK);
		write_errno = numbers[i];
		assert_int_equal(output_flush(&o), ERR_SYSTEM);
		assert_int_equal(o.failed, numbers[i]);
		write_errno = 0;
		assert_false(output_has_room(&o));
		assert_int_equal(emit(&o, "{}", 2), HARK_TELEMETRY_SINK);
		errno = 0;
		assert_int_equal(output_drain(&o, UINT64_MAX), ERR_SYSTEM);
		assert_int_equal(errno, numbers[i]);
		output_finish(&o);
	}
}

static void
a_reader_that_has_gone_is_noticed(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(emit(&rig->o, "{}", 2), HARK_TELEMETRY_OK);
	(void)close(rig->read_fd);
	rig->read_fd = -1;
	assert_int_equal(output_flush(&rig->o), ERR_SYSTEM);
	assert_int_equal(rig->o.failed, EPIPE);
}

static void
again_is_no_failure(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(emit(&rig->o, "{}", 2), HARK_TELEMETRY_OK);
	write_errno = EAGAIN;
	assert_int_equal(output_flush(&rig->o), ERR_AGAIN);
	write_errno = 0;
	assert_int_equal(rig->o.failed, 0);
	assert_int_equal(output_flush(&rig->o), ERR_OK);
	assert_int_equal(take(rig, 100), 3);
}

static void
beginning_without_memory_or_descriptor_fails(void **state)
{
	struct rig *rig = *state;
	struct output o;
	enum err e;

	malloc_fails = true;
	e = output_init(&o, rig->write_fd);
	malloc_fails = false;
	assert_int_equal(e, ERR_MEMORY);
	output_finish(&o);
	assert_int_equal(output_init(&o, -1), ERR_SYSTEM);
	output_finish(&o);
	output_finish(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_goes_out_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(every_line_comes_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_pipe_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(without_room_there_are_five_large_ones_left, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_file_is_written_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(a_broken_descriptor_is_broken_for_good, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_reader_that_has_gone_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(again_is_no_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(beginning_without_memory_or_descriptor_fails, setup,
						teardown),
	};

	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
