/*
 * Runs a command, counts the system calls by which it changes something below a directory, and interferes with some of
 * them. strace(1) can kill at the n-th call too, but counts for each thread and each name of a call by itself; here there
 * is one count over all threads, so that every point is reached once.
 *
 *   calls [-a] [-k N] [-r N:COMMAND] [-x [N:]PATTERN]... [-o LIST] DIRECTORY COMMAND [ARGUMENT]...
 *
 *   -a       count the calls that only open something, too
 *   -r N:COMMAND  run a command of the shell while the command waits for its N-th call to be carried out
 *   -k N     kill the command with SIGKILL when it begins the N-th call, which is not carried out
 *   -x [N:]PATTERN  skip calls, of those that match a pattern of the shell only the N-th, and have the command believe
 *            that they worked; a call is matched as it is listed
 *   -o LIST  write one line for each call: its name and the paths it is about
 *
 * Exits as the command does, with 128 + n if signal n ended it; with 125 if the tracing itself fails.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* Which arguments of a call say what it is about. */
enum about { FD, PATH, PATHS, AT, ATS, LINK, LINK_AT };

struct call {
	long number;
	const char *name;
	enum about about;
};

static const struct call CALLS[] = {
	{ SYS_openat, "create", AT },
	{ SYS_write, "write", FD },
	{ SYS_writev, "write", FD },
	{ SYS_pwrite64, "write", FD },
	{ SYS_pwritev, "write", FD },
	{ SYS_ftruncate, "truncate", FD },
	{ SYS_fallocate, "allocate", FD },
	{ SYS_copy_file_range, "copy", FD },
	{ SYS_ioctl, "clone", FD },
	{ SYS_fsync, "fsync", FD },
	{ SYS_fdatasync, "fsync", FD },
	{ SYS_fchmod, "chmod", FD },
	{ SYS_fchmodat, "chmod", AT },
	{ SYS_mkdirat, "mkdir", AT },
	{ SYS_unlinkat, "unlink", AT },
	{ SYS_symlinkat, "symlink", LINK_AT },
	{ SYS_linkat, "link", ATS },
	{ SYS_renameat2, "rename", ATS },
#ifdef SYS_renameat
	{ SYS_renameat, "rename", ATS },
#endif
#ifdef SYS_open
	{ SYS_open, "create", PATH },
	{ SYS_chmod, "chmod", PATH },
	{ SYS_mkdir, "mkdir", PATH },
	{ SYS_rmdir, "rmdir", PATH },
	{ SYS_unlink, "unlink", PATH },
	{ SYS_rename, "rename", PATHS },
	{ SYS_link, "link", PATHS },
	{ SYS_symlink, "symlink", LINK },
#endif
};
#define COUNT (sizeof CALLS / sizeof *CALLS)
#define MOST_RULES 16

static void fail(const char *what)
{
	fprintf(stderr, "calls: %s: %s\n", what, strerror(errno));
	exit(125);
}

static struct sock_filter program[3 * COUNT + 16];
static unsigned short length;

static void add(struct sock_filter instruction)
{
	program[length++] = instruction;
}

/* Reports a call if one of `bits` is set in an argument. */
static void report_if(uint32_t call, int argument, uint32_t bits)
{
	const uint32_t low = offsetof(struct seccomp_data, args) + 8 * (uint32_t)argument;
	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4));
	add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low));
	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

#define CHANGING_FLAGS (O_CREAT | O_TRUNC)

static int all_opens;

/* Has the kernel report the calls of the table and no others; of open only what can create or cut a file, unless all are wanted. */
static void report_calls(void)
{
	add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	for (const struct call *call = CALLS; call < CALLS + COUNT; call++) {
		if (!strcmp(call->name, "create") && !all_opens) {
			report_if((uint32_t)call->number, call->about == AT ? 2 : 1, CHANGING_FLAGS);
		} else {
			add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call->number, 0, 1));
			add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
		}
	}
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	struct sock_fprog filter = { .len = length, .filter = program };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		fail("seccomp");
}

/* Page by page, as the string may end just before memory that is not there. */
static void read_text(pid_t pid, uint64_t from, char *to, size_t size)
{
	size_t done = 0;
	while (done + 1 < size) {
		size_t part = 4096 - (from + done) % 4096;
		if (part > size - 1 - done)
			part = size - 1 - done;
		struct iovec local = { to + done, part }, remote = { (void *)(uintptr_t)(from + done), part };
		ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);
		if (got <= 0)
			break;
		if (memchr(to + done, 0, (size_t)got))
			return;
		done += (size_t)got;
	}
	to[done] = 0;
}

static void read_descriptor(pid_t pid, uint64_t fd, char *to, size_t size)
{
	char link[64];
	snprintf(link, sizeof link, "/proc/%d/fd/%d", pid, (int)fd);
	ssize_t got = readlink(link, to, size - 1);
	to[got < 0 ? 0 : got] = 0;
}

/* A path that an open directory begins. */
static void read_path_at(pid_t pid, uint64_t directory, uint64_t from, char *to, size_t size)
{
	char path[1024];
	read_text(pid, from, path, sizeof path);
	*to = 0;
	if (*path != '/' && (int)directory != AT_FDCWD) {
		read_descriptor(pid, directory, to, size - 1);
		strcat(to, "/");
	}
	strncat(to, path, size - strlen(to) - 1);
}

static void read_paths(pid_t pid, enum about about, const uint64_t *args, char *one, char *other, size_t size)
{
	*one = *other = 0;
	switch (about) {
	case FD:
		read_descriptor(pid, args[0], one, size);
		break;
	case PATH:
		read_text(pid, args[0], one, size);
		break;
	case PATHS:
		read_text(pid, args[0], one, size);
		read_text(pid, args[1], other, size);
		break;
	case AT:
		read_path_at(pid, args[0], args[1], one, size);
		break;
	case ATS:
		read_path_at(pid, args[0], args[1], one, size);
		read_path_at(pid, args[2], args[3], other, size);
		break;
	case LINK:
		read_text(pid, args[1], one, size);
		break;
	case LINK_AT:
		read_path_at(pid, args[1], args[2], one, size);
		break;
	}
}

static void skip(pid_t pid)
{
#if defined __x86_64__
	struct user_regs_struct registers;
	if (ptrace(PTRACE_GETREGS, pid, 0, &registers))
		fail("PTRACE_GETREGS");
	registers.orig_rax = (unsigned long long)-1;
	registers.rax = 0;
	if (ptrace(PTRACE_SETREGS, pid, 0, &registers))
		fail("PTRACE_SETREGS");
#elif defined __aarch64__
	struct user_regs_struct registers;
	int none = -1;
	struct iovec all = { &registers, sizeof registers }, number = { &none, sizeof none };
	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &all))
		fail("PTRACE_GETREGSET");
	registers.regs[0] = 0;
	if (ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &number) || ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &all))
		fail("PTRACE_SETREGSET");
#else
#error "how a call is skipped is not known for this processor"
#endif
}

static const char *directory;
static long kill_at, run_at, count;
static const char *to_run;
static FILE *list;

/* Which calls are skipped. */
static struct rule {
	const char *pattern;
	/* Which of those that match; 0: all. */
	long which, seen;
} rules[MOST_RULES];
static int rule_count;

static struct rule read_rule(char *text)
{
	char *rest;
	long which = strtol(text, &rest, 10);
	if (rest == text || *rest != ':')
		return (struct rule){ .pattern = text };
	return (struct rule){ .pattern = rest + 1, .which = which };
}

static int is_skipped(const char *line)
{
	int result = 0;
	for (struct rule *rule = rules; rule < rules + rule_count; rule++)
		if (!fnmatch(rule->pattern, line, 0) && (++rule->seen == rule->which || !rule->which))
			result = 1;
	return result;
}

static int is_below(const char *path)
{
	size_t end = strlen(directory);
	return !strncmp(path, directory, end) && (path[end] == '/' || !path[end]);
}

static void look_at_call(pid_t pid, pid_t process)
{
	struct __ptrace_syscall_info info;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0)
		return;
	const struct call *call = CALLS;
	while (call < CALLS + COUNT && call->number != (long)info.seccomp.nr)
		call++;
	if (call == CALLS + COUNT)
		return;
	if (call->number == SYS_ioctl && info.seccomp.args[1] != FICLONE)
		return;
	char one[1024], other[1024];
	read_paths(pid, call->about, (const uint64_t *)info.seccomp.args, one, other, sizeof one);
	if (!is_below(one) && !is_below(other))
		return;
	count++;
	const char *name = call->name;
	if (!strcmp(name, "create") && !(info.seccomp.args[call->about == AT ? 2 : 1] & CHANGING_FLAGS))
		name = "open";
	char line[2100];
	snprintf(line, sizeof line, *other ? "%s %s %s" : "%s %s", name, one, other);
	if (count == kill_at)
		kill(process, SIGKILL);
	if (count == run_at && system(to_run))
		fail("the command to be run");
	int skipping = is_skipped(line);
	if (list)
		fprintf(list, "%s%s\n", skipping ? "skipped " : "", line);
	if (skipping)
		skip(pid);
}

static int follow(pid_t process)
{
	int result = 125;
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return result;
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (pid == process)
				result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			continue;
		}
		int event = status >> 16, signal = WSTOPSIG(status);
		if (event == PTRACE_EVENT_SECCOMP)
			look_at_call(pid, process);
		if (event == PTRACE_EVENT_STOP && signal != SIGTRAP)
			ptrace(PTRACE_LISTEN, pid, 0, 0);
		else
			ptrace(PTRACE_CONT, pid, 0, event ? 0 : signal);
	}
}

int main(int argc, char **argv)
{
	for (int option; (option = getopt(argc, argv, "+ak:r:x:o:")) != -1;) {
		if (option == 'a')
			all_opens = 1;
		else if (option == 'k')
			kill_at = atol(optarg);
		else if (option == 'r' && strchr(optarg, ':')) {
			run_at = atol(optarg);
			to_run = strchr(optarg, ':') + 1;
		}
		else if (option == 'x' && rule_count < MOST_RULES)
			rules[rule_count++] = read_rule(optarg);
		else if (option != 'o' || !(list = fopen(optarg, "we")))
			fail("usage: calls [-a] [-k N] [-r N:COMMAND] [-x [N:]PATTERN]... [-o LIST] DIRECTORY COMMAND [ARGUMENT]...");
	}
	if (argc - optind < 2)
		fail("usage: calls [-a] [-k N] [-r N:COMMAND] [-x [N:]PATTERN]... [-o LIST] DIRECTORY COMMAND [ARGUMENT]...");
	directory = argv[optind];
	int gate[2];
	if (pipe2(gate, O_CLOEXEC))
		fail("pipe2");
	pid_t process = fork();
	if (process < 0)
		fail("fork");
	if (process == 0) {
		char byte;
		close(gate[1]);
		if (read(gate[0], &byte, 1) != 1)
			_exit(125);
		report_calls();
		execvp(argv[optind + 1], argv + optind + 1);
		fail(argv[optind + 1]);
	}
	const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	if (ptrace(PTRACE_SEIZE, process, 0, options))
		fail("PTRACE_SEIZE");
	if (write(gate[1], "", 1) != 1)
		fail("write");
	int result = follow(process);
	if (list && fclose(list))
		fail("close");
	return result;
}
