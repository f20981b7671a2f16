/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The steps of confinement by raw system calls, because neither glibc of Debian 12 nor musl has
 * all of them.  Numbers of newer kernels than the headers' are written out.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>

#include "base/must.h"
#include "os/confine.h"

/* The same on every architecture: they are younger than the common table of 5.1. */
#define CALL_CLOSE_RANGE             436L
#define CALL_LANDLOCK_CREATE_RULESET 444L
#define CALL_LANDLOCK_ADD_RULE       445L
#define CALL_LANDLOCK_RESTRICT_SELF  446L

/* Rights of <linux/landlock.h> after the version that Debian 12's headers know. */
#define RIGHT_TRUNCATE         (UINT64_C(1) << 14) /* version 3 */
#define RIGHT_IOCTL_DEVICE     (UINT64_C(1) << 15) /* version 5 */
#define RIGHTS_OF_VERSION_1    ((UINT64_C(1) << 13) - 1)
#define RIGHT_REFER            (UINT64_C(1) << 13) /* version 2 */
#define NET_TCP_BOTH           UINT64_C(3)         /* version 4 */
#define NET_CONNECT_TCP        UINT64_C(2)         /* the same */
#define RULE_NET_PORT          2                   /* the same */
#define SCOPE_ABSTRACT_SIGNALS UINT64_C(3)         /* version 6 */

/* struct landlock_ruleset_attr as of version 6; older kernels take its first members. */
struct ruleset {
	uint64_t files;
	uint64_t net;
	uint64_t scoped;
};

/* struct landlock_net_port_attr. */
struct port_rule {
	uint64_t allowed;
	uint64_t port;
};

static enum err
failed(void)
{
	if (errno == ENOSYS || errno == EOPNOTSUPP)
		return ERR_UNSUPPORTED;
	return errno == EPERM || errno == EACCES ? ERR_REFUSED : ERR_SYSTEM;
}

static enum err
done(long result)
{
	return result == 0 ? ERR_OK : failed();
}

enum err
confine_close_from(int first)
{
	MUST(first >= 0);

	return done(syscall(CALL_CLOSE_RANGE, (unsigned int)first, ~0U, 0U));
}

enum err
confine_check_channel(int fd)
{
	int domain = -1;
	int type = -1;
	socklen_t size = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
		return errno == ENOTSOCK || errno == EBADF ? ERR_FORMAT : ERR_SYSTEM;
	size = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0)
		return ERR_SYSTEM;
	return type == SOCK_SEQPACKET && domain == AF_UNIX ? ERR_OK : ERR_FORMAT;
}

pid_t
confine_self(void)
{
	return getpid();
}

pid_t
confine_parent(void)
{
	return getppid();
}

enum err
confine_end_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return failed();
	/* It may have ended before the kernel was told. */
	return getppid() == parent ? ERR_OK : ERR_END;
}

enum err
confine_limit(int resource, uint64_t most)
{
	struct rlimit limit;

	if (getrlimit((unsigned int)resource, &limit) != 0)
		return failed();
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > most)
		limit.rlim_max = (rlim_t)most;
	limit.rlim_cur = limit.rlim_max;
	return done(setrlimit((unsigned int)resource, &limit));
}

bool
confine_can_limit_memory(void)
{
#ifdef __SANITIZE_ADDRESS__
	return false;
#endif
#ifdef __has_feature
#if __has_feature(address_sanitizer)
	return false;
#endif
#endif
	return true;
}

enum err
confine_limit_memory(uint64_t writable, uint64_t mapped)
{
	enum err e = ERR_OK;

	if (!confine_can_limit_memory())
		return ERR_OK;
	e = confine_limit(RLIMIT_DATA, writable);
	return e == ERR_OK ? confine_limit(RLIMIT_AS, mapped) : e;
}

enum err
confine_background(void)
{
	struct sched_param none = { .sched_priority = 0 };

	if (setpriority(PRIO_PROCESS, 0, 19) != 0)
		return failed();
	return done(sched_setscheduler(0, SCHED_BATCH, &none));
}

static enum err
write_own(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	enum err e;

	if (fd < 0)
		return failed();
	e = write(fd, value, strlen(value)) == (ssize_t)strlen(value) ? ERR_OK : failed();
	(void)close(fd);
	return e;
}

enum err
confine_session_background(void)
{
	/* Of one that leads none of its own it would be others' too. */
	if (getsid(0) != getpid())
		return ERR_UNSUPPORTED;
	return write_own("/proc/self/autogroup", "19");
}

enum err
confine_end_before_others(void)
{
	return write_own("/proc/self/oom_score_adj", "500");
}

enum err
confine_silence(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	enum err e;

	if (fd < 0)
		return failed();
	e = dup2(fd, STDERR_FILENO) == STDERR_FILENO ? ERR_OK : failed();
	(void)close(fd);
	return e;
}

bool
confine_is_root(void)
{
	return geteuid() == 0;
}

enum err
confine_drop_bounding(void)
{
	unsigned long capability;

	for (capability = 0; capability < 64; capability++) {
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0)
			continue;
		/* The kernel has no capability of that number, nor a higher one. */
		return errno == EINVAL && capability > 0 ? ERR_OK : failed();
	}
	return ERR_OK;
}

enum err
confine_become(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return failed();
	return ERR_OK;
}

enum err
confine_drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	/* Kernels before 4.3 have no ambient set: nothing is in it there. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
		return failed();
	return done(syscall(SYS_capset, &head, none));
}

enum err
confine_not_dumpable(void)
{
	return done(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

enum err
confine_no_new_privileges(void)
{
	return done(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

bool
confine_is_single_thread(void)
{
	/* Nothing happens to a process of one thread; where there are more it is an error.  A
	 * sandbox around us that refuses the call as such says neither. */
	return unshare(CLONE_THREAD) == 0 || errno != EINVAL;
}

enum err
confine_landlock_version(unsigned int *out)
{
	long version;

	MUST(out != NULL);

	version = syscall(CALL_LANDLOCK_CREATE_RULESET, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (version < 0)
		return failed();
	if (version == 0)
		return ERR_UNSUPPORTED;
	*out = (unsigned int)version;
	return ERR_OK;
}

/* All rights over files that the kernel's version knows: those that no rule grants are refused. */
static uint64_t
file_rights(unsigned int version)
{
	uint64_t rights = RIGHTS_OF_VERSION_1;

	if (version >= 2)
		rights |= RIGHT_REFER;
	if (version >= 3)
		rights |= RIGHT_TRUNCATE;
	if (version >= 5)
		rights |= RIGHT_IOCTL_DEVICE;
	return rights;
}

static uint64_t
granted(enum confine_rights rights)
{
	uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

	if (rights == CONFINE_READ_FILES)
		return LANDLOCK_ACCESS_FS_READ_FILE;
	if (rights == CONFINE_READ)
		return read;
	return read | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
	       LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
	       LANDLOCK_ACCESS_FS_REMOVE_DIR | RIGHT_REFER | RIGHT_TRUNCATE;
}

static enum err
add_rules(int ruleset, const struct confine_directory *directories, size_t count, uint64_t handled)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct landlock_path_beneath_attr rule = {
			.allowed_access = granted(directories[i].rights) & handled,
			.parent_fd = directories[i].fd,
		};

		if (syscall(CALL_LANDLOCK_ADD_RULE, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule,
			    0U) != 0)
			return failed();
	}
	return ERR_OK;
}

static enum err
add_ports(int ruleset, const uint16_t *ports, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct port_rule rule = { .allowed = NET_CONNECT_TCP, .port = ports[i] };

		if (syscall(CALL_LANDLOCK_ADD_RULE, ruleset, RULE_NET_PORT, &rule, 0U) != 0)
			return failed();
	}
	return ERR_OK;
}

enum err
confine_landlock_reaching(const struct confine_directory *directories, size_t count,
			  const uint16_t *ports, size_t port_count)
{
	struct ruleset attributes = { 0 };
	size_t size = sizeof(attributes.files);
	unsigned int version = 0;
	enum err e;
	long ruleset;
	int saved;

	MUST((directories != NULL || count == 0) && (ports != NULL || port_count == 0));

	e = confine_landlock_version(&version);
	if (e != ERR_OK)
		return e;
	attributes.files = file_rights(version);
	if (version >= 4) {
		attributes.net = NET_TCP_BOTH;
		size = offsetof(struct ruleset, scoped);
	}
	if (version >= 6) {
		attributes.scoped = SCOPE_ABSTRACT_SIGNALS;
		size = sizeof(attributes);
	}
	ruleset = syscall(CALL_LANDLOCK_CREATE_RULESET, &attributes, size, 0U);
	if (ruleset < 0)
		return failed();
	e = add_rules((int)ruleset, directories, count, attributes.files);
	if (e == ERR_OK && attributes.net != 0)
		e = add_ports((int)ruleset, ports, port_count);
	if (e == ERR_OK)
		e = done(syscall(CALL_LANDLOCK_RESTRICT_SELF, (int)ruleset, 0U));
	saved = errno;
	(void)close((int)ruleset); /* it holds no data */
	errno = saved;
	return e;
}

enum err
confine_landlock(const struct confine_directory *directories, size_t count)
{
	return confine_landlock_reaching(directories, count, NULL, 0);
}

enum err
confine_seccomp(const struct sock_filter *program, size_t count)
{
	/* The kernel reads it alone; the members are not const for BPF's other users. */
	struct sock_fprog all = { .len = (unsigned short)count,
				  .filter = (struct sock_filter *)(uintptr_t)program };
	long result;

	MUST(program != NULL && count > 0 && count <= BPF_MAXINSNS);

	result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &all);
	/* EINVAL: built without filters.  A positive number is a thread that cannot follow. */
	if (result < 0)
		return errno == EINVAL ? ERR_UNSUPPORTED : failed();
	return result == 0 ? ERR_OK : ERR_REFUSED;
}
