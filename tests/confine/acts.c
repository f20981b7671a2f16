/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The acts themselves.  Each can be done by an ordinary process: a twin without confinement does.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "acts.h"

static int
outcome(long result)
{
	return result >= 0 ? 0 : errno;
}

int
act_made(int fd)
{
	int result = outcome(fd);

	if (fd >= 0)
		(void)close(fd);
	return result;
}

static int
open_a_file(const struct acts *a)
{
	return act_made(open(a->file, O_RDONLY | O_CLOEXEC));
}

static int
open_the_key(const struct acts *a)
{
	return act_made(open(a->key, O_RDONLY | O_CLOEXEC));
}

static int
climb_out(const struct acts *a)
{
	return act_made(openat(a->directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int
list_processes(const struct acts *a)
{
	(void)a;
	return act_made(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int
make_a_file(const struct acts *a)
{
	return act_made(open(a->fresh, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
}

static int
make_a_folder(const struct acts *a)
{
	return outcome(mkdir(a->fresh, 0700));
}

static int
cut_a_file(const struct acts *a)
{
	return outcome(truncate(a->file, 0));
}

static int
change_a_mode(const struct acts *a)
{
	return outcome(chmod(a->file, 0600));
}

static int
remove_a_file(const struct acts *a)
{
	return outcome(unlink(a->file));
}

static int
link_a_file(const struct acts *a)
{
	return outcome(symlink("/", a->fresh));
}

static int
make_a_tcp_socket(const struct acts *a)
{
	(void)a;
	return act_made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
make_a_unix_socket(const struct acts *a)
{
	(void)a;
	return act_made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
make_a_pair(const struct acts *a)
{
	int pair[2] = { -1, -1 };
	int result = outcome(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));

	(void)a;
	(void)close(pair[0]);
	(void)close(pair[1]);
	return result;
}

/* To nobody: that it is refused by the peer shows that it was tried. */
static int
connect_a_socket(const struct acts *a)
{
	struct sockaddr_un nobody = { .sun_family = AF_UNIX, .sun_path = "\0hark-confine-nobody" };

	if (connect(a->socket, (struct sockaddr *)&nobody, sizeof(nobody)) != 0)
		return errno == ECONNREFUSED ? 0 : errno;
	return 0;
}

static int
bind_a_socket(const struct acts *a)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };

	return outcome(bind(a->socket, (struct sockaddr *)&any, sizeof(sa_family_t)));
}

static int
execute(const struct acts *a)
{
	static char path[] = "/bin/true";
	char *const words[] = { path, NULL };

	(void)a;
	/* Done, it ends with 0, which is what an act that was done gives. */
	return outcome(execv(path, words));
}

static int
fork_a_process(const struct acts *a)
{
	pid_t pid = fork();
	int result = outcome(pid);

	(void)a;
	if (pid == 0)
		_exit(0);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return result;
}

static int
trace(const struct acts *a)
{
	(void)a;
	return outcome(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int
read_memory(const struct acts *a)
{
	char byte;
	struct iovec to = { .iov_base = &byte, .iov_len = 1 };
	struct iovec from = { .iov_base = a->page, .iov_len = 1 };

	return outcome(process_vm_readv(getpid(), &to, 1, &from, 1, 0));
}

static int
signal_a_process(const struct acts *a)
{
	(void)a;
	return outcome(kill(getppid(), 0));
}

static int
signal_a_thread(const struct acts *a)
{
	pid_t parent = getppid();

	(void)a;
	return outcome(syscall(SYS_tgkill, parent, parent, 0));
}

static int
hold_a_process(const struct acts *a)
{
	(void)a;
	return act_made((int)syscall(SYS_pidfd_open, getpid(), 0));
}

static int
limit_a_process(const struct acts *a)
{
	struct rlimit limit;

	(void)a;
	return outcome(prlimit(getppid(), RLIMIT_CORE, NULL, &limit));
}

static int
map_code(const struct acts *a)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)a;
	return page == MAP_FAILED ? errno : 0;
}

static int
turn_data_into_code(const struct acts *a)
{
	return outcome(mprotect(a->page, 4096, PROT_READ | PROT_EXEC));
}

static int
map_anonymous(int flags)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? errno : 0;
}

/* No limit of a process's memory counts these two. */
static int
map_shared_memory(const struct acts *a)
{
	(void)a;
	return map_anonymous(MAP_SHARED);
}

static int
map_a_stack(const struct acts *a)
{
	(void)a;
	return map_anonymous(MAP_PRIVATE | MAP_GROWSDOWN);
}

/* The kernel then signals in its stead, whatever becomes of kill(). */
static int
choose_a_signal(const struct acts *a)
{
	return outcome(fcntl(a->socket, F_SETSIG, SIGKILL));
}

static int
choose_who_is_signalled(const struct acts *a)
{
	return outcome(fcntl(a->socket, F_SETOWN, getppid()));
}

static int
make_a_memory_file(const struct acts *a)
{
	(void)a;
	return act_made(memfd_create("hark-confine", MFD_CLOEXEC));
}

static int
change_the_user(const struct acts *a)
{
	(void)a;
	return outcome(setuid(geteuid()));
}

static int
change_the_root(const struct acts *a)
{
	(void)a;
	return outcome(unshare(CLONE_FS));
}

static int
be_dumpable_again(const struct acts *a)
{
	(void)a;
	return outcome(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

const struct act acts[] = {
	{ "open a file", open_a_file },
	{ "read the key", open_the_key },
	{ "climb out of its directory", climb_out },
	{ "look into /proc", list_processes },
	{ "make a file", make_a_file },
	{ "make a folder", make_a_folder },
	{ "cut a file", cut_a_file },
	{ "change a file's mode", change_a_mode },
	{ "remove a file", remove_a_file },
	{ "make a symlink", link_a_file },
	{ "make a TCP socket", make_a_tcp_socket },
	{ "make a Unix socket", make_a_unix_socket },
	{ "make a pair of sockets", make_a_pair },
	{ "connect a socket that it has", connect_a_socket },
	{ "bind a socket that it has", bind_a_socket },
	{ "execute a program", execute },
	{ "fork", fork_a_process },
	{ "be traced", trace },
	{ "read a process's memory", read_memory },
	{ "signal its parent", signal_a_process },
	{ "signal its parent's thread", signal_a_thread },
	{ "get a handle of a process", hold_a_process },
	{ "read its parent's limits", limit_a_process },
	{ "map code", map_code },
	{ "turn data into code", turn_data_into_code },
	{ "map shared memory", map_shared_memory },
	{ "map a stack", map_a_stack },
	{ "choose a signal for a socket", choose_a_signal },
	{ "choose whom a socket signals", choose_who_is_signalled },
	{ "make a memory file", make_a_memory_file },
	{ "change its user", change_the_user },
	{ "leave its file system context", change_the_root },
	{ "be dumpable again", be_dumpable_again },
};
const size_t act_count = sizeof(acts) / sizeof(acts[0]);

/* ---- what is allowed ----------------------------------------------------------------------- */

int
act_work_below(const struct acts *a)
{
	static const char text[] = "a frame";
	int fd;
	int result;

	if (mkdirat(a->directory, "folder", 0700) != 0)
		return errno;
	fd = openat(a->directory, "folder/new", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	result = pwrite(fd, text, sizeof(text), 4096) == (ssize_t)sizeof(text) ? 0 : errno;
	if (result == 0)
		result = outcome(posix_fallocate(fd, 0, 65536));
	if (result == 0)
		result = outcome(ftruncate(fd, 512));
	if (result == 0)
		result = outcome(fdatasync(fd));
	(void)close(fd);
	if (result == 0)
		result = outcome(renameat(a->directory, "folder/new", a->directory, "moved"));
	if (result == 0)
		result = outcome(unlinkat(a->directory, "moved", 0));
	if (result == 0)
		result = outcome(unlinkat(a->directory, "folder", AT_REMOVEDIR));
	return result;
}

int
act_files_below(const struct acts *a)
{
	static const char text[] = "a page";
	int fd = openat(a->directory, "new", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	int result;

	if (fd < 0)
		return errno;
	result = pwrite(fd, text, sizeof(text), 4096) == (ssize_t)sizeof(text) ? 0 : errno;
	if (result == 0)
		result = outcome(ftruncate(fd, 512));
	if (result == 0)
		result = outcome(fdatasync(fd));
	(void)close(fd);
	if (result == 0)
		result = outcome(renameat(a->directory, "new", a->directory, "moved"));
	if (result == 0)
		result = outcome(unlinkat(a->directory, "moved", 0));
	return result;
}

int
act_netlink(const struct acts *a)
{
	(void)a;
	return act_made(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

int
act_connect_tcp(const struct acts *a)
{
	struct sockaddr_in nobody = { .sin_family = AF_INET, .sin_port = htons(1) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result;

	(void)a;
	nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return errno;
	/* Nobody listens there: that it was tried is all that is asked. */
	result = outcome(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));
	(void)close(fd);
	return result == ECONNREFUSED ? 0 : result;
}

static void *
nothing(void *argument)
{
	return argument;
}

int
act_thread(const struct acts *a)
{
	pthread_t thread;
	int result = pthread_create(&thread, NULL, nothing, NULL);

	(void)a;
	return result != 0 ? result : pthread_join(thread, NULL);
}

static void *
open_outside(void *argument)
{
	static int result;

	result = open_a_file(argument);
	return &result;
}

int
act_open_in_thread(const struct acts *a)
{
	pthread_t thread;
	void *result = NULL;
	int e = pthread_create(&thread, NULL, open_outside, (void *)(uintptr_t)a);

	if (e == 0)
		e = pthread_join(thread, &result);
	return e != 0 ? ENOMEM : *(const int *)result;
}

static int
open_below(const struct acts *a, const char *name, int flags)
{
	return act_made(openat(a->directory, name, flags | O_CLOEXEC, 0600));
}

int
act_read_below(const struct acts *a)
{
	char byte;
	int fd = openat(a->directory, "leaf", O_RDONLY | O_CLOEXEC);
	int result = outcome(fd);

	if (fd >= 0)
		result = outcome(pread(fd, &byte, 1, 0));
	(void)close(fd);
	return result != 0 ? result : open_below(a, ".", O_RDONLY | O_DIRECTORY);
}

int
act_write_below(const struct acts *a)
{
	return open_below(a, "leaf", O_WRONLY);
}

int
act_cut_below(const struct acts *a)
{
	return open_below(a, "leaf", O_RDONLY | O_TRUNC);
}

int
act_make_below(const struct acts *a)
{
	return open_below(a, "more", O_RDONLY | O_CREAT);
}

int
act_remove_below(const struct acts *a)
{
	return outcome(unlinkat(a->directory, "leaf", 0));
}

int
act_lease_below(const struct acts *a)
{
	int fd = openat(a->directory, "leaf", O_RDONLY | O_CLOEXEC);
	int result = fd < 0 ? errno : outcome(fcntl(fd, F_SETLEASE, F_RDLCK));

	(void)close(fd);
	return result;
}

int
act_ordinary(const struct acts *a)
{
	struct pollfd item = { .fd = a->socket, .events = POLLIN };
	struct timespec now;
	size_t size = (size_t)64 << 20;
	char *large = malloc(size);

	if (large == NULL)
		return errno;
	memset(large, 1, size); /* it is a mapping of its own, and goes back as one */
	free(large);
	if (poll(&item, 1, 0) < 0)
		return errno;
	return outcome(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now));
}
