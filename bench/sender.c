/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sends CellOS frames to a cell's socket as fast as it takes them: one thread, several connections
 * in turn, a given number of frames in a write.
 *
 * usage: sender SOCKET CONNECTIONS FRAMES_A_WRITE FRAMES
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <hark/telemetry.h>

#define CONNECTIONS_MAX    8
#define FRAMES_A_WRITE_MAX 64

static int
connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		(void)fprintf(stderr, "sender: %s: too long\n", path);
		exit(2);
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		(void)fprintf(stderr, "sender: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

static void
send_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t wrote = write(fd, data, size);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			(void)fprintf(stderr, "sender: %s\n", strerror(errno));
			exit(1);
		}
		data += wrote;
		size -= (size_t)wrote;
	}
}

int
main(int argc, char **argv)
{
	static uint8_t batch[FRAMES_A_WRITE_MAX * 128];
	struct hark_guest_declaration d = {
		.content_version = HARK_WIRE_CONTENT_VERSION_MAJOR,
		.guest_pid = 4242,
		.guest_monotonic_ns = UINT64_C(123456789012),
		.probe_source = hark_text_of("process.spawned"),
		.guest_comm = hark_text_of("workload"),
	};
	int fds[CONNECTIONS_MAX];
	size_t frame_size = 0;
	unsigned long connections;
	unsigned long per_write;
	unsigned long frames;
	unsigned long i;

	if (argc != 5)
		return 2;
	connections = strtoul(argv[2], NULL, 10);
	per_write = strtoul(argv[3], NULL, 10);
	frames = strtoul(argv[4], NULL, 10);
	if (connections < 1 || connections > CONNECTIONS_MAX || per_write < 1 ||
	    per_write > FRAMES_A_WRITE_MAX)
		return 2;
	for (i = 0; i < per_write; i++) {
		if (hark_encode_frame(&d, batch + i * frame_size, 128, &frame_size) !=
		    HARK_TELEMETRY_OK)
			return 1;
	}
	for (i = 0; i < connections; i++)
		fds[i] = connect_to(argv[1]);
	for (i = 0; frames > 0; i++) {
		unsigned long count = frames < per_write ? frames : per_write;

		send_all(fds[i % connections], batch, count * frame_size);
		frames -= count;
	}
	for (i = 0; i < connections; i++)
		(void)close(fds[i]);
	return 0;
}
