/* System calls that fail, or end the process, when told to: laid under a process by LD_PRELOAD.

   Only files below one folder count.  Every call that changes them is a border; `fault_arm` says at which one
   something happens. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OFF, COUNT, KILL, FAIL, TALLY, REFUSE, SHORTEN, DELAY };
static int mode = OFF, number = 0;
static long at = 0, seen = 0, written = 0;
static char folder[4096], name[256];
static char watched[65536]; /* by descriptor */

#define REAL(result, function, ...) \
  static result (*real)(__VA_ARGS__); \
  if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, function)

/* mode COUNT counts calls below `where`; KILL ends the process before call `n`; FAIL lets calls on files whose
   path holds `which` fail with error `code` once `n` bytes of them are written.  TALLY counts the calls that the
   last three can change: REFUSE lets call `n` fail with `code`, SHORTEN lets it write half, DELAY lets it wait. */
void fault_arm(int what, const char *where, const char *which, long n, int code) {
  strncpy(folder, where, sizeof folder - 1);
  strncpy(name, which, sizeof name - 1);
  at = n; number = code; seen = written = 0; mode = what;
}
long fault_seen(void) { return mode == FAIL ? written : seen; }

static int ours(const char *path) {
  return mode != OFF && path && strstr(path, folder) && (mode != FAIL || strstr(path, name));
}
static int of_ours(int fd) { return mode != OFF && fd >= 0 && fd < (int)sizeof watched && watched[fd]; }

/* A border: nothing, the end, or 1 for "fail". */
static int border(int writes) {
  seen++;
  if (mode == KILL && seen == at) { kill(getpid(), SIGKILL); for (;;) pause(); }
  if (mode == FAIL && !writes && written >= at) { errno = number; return 1; }
  if (mode == REFUSE && seen == at) { errno = number; return 1; }
  if (mode == DELAY && seen == at) usleep(100000);
  return 0;
}

static int note(const char *path, int fd) {
  if (fd >= 0 && fd < (int)sizeof watched) watched[fd] = ours(path) ? 1 : 0;
  return fd;
}

#define OPEN(function, real_name) \
  int function(const char *path, int flags, ...) { \
    REAL(int, real_name, const char *, int, mode_t); \
    va_list list; va_start(list, flags); mode_t m = va_arg(list, mode_t); va_end(list); \
    if (ours(path) && (flags & (O_WRONLY | O_RDWR | O_CREAT)) && border(0)) return -1; \
    return note(path, real(path, flags, m)); \
  }
OPEN(open, "open")
OPEN(open64, "open64")
#define OPENAT(function, real_name) \
  int function(int dir, const char *path, int flags, ...) { \
    REAL(int, real_name, int, const char *, int, mode_t); \
    va_list list; va_start(list, flags); mode_t m = va_arg(list, mode_t); va_end(list); \
    if (ours(path) && (flags & (O_WRONLY | O_RDWR | O_CREAT)) && border(0)) return -1; \
    return note(path, real(dir, path, flags, m)); \
  }
OPENAT(openat, "openat")
OPENAT(openat64, "openat64")

int close(int fd) {
  REAL(int, "close", int);
  if (fd >= 0 && fd < (int)sizeof watched) watched[fd] = 0;
  return real(fd);
}
ssize_t write(int fd, const void *data, size_t n) {
  REAL(ssize_t, "write", int, const void *, size_t);
  if (of_ours(fd)) {
    if (border(1)) return -1;
    if (mode == SHORTEN && seen == at && n > 1) n /= 2;
    if (mode == FAIL) {
      if (written >= at) { errno = number; return -1; }
      if ((long)n > at - written) n = at - written; /* what still fits */
    }
    ssize_t done = real(fd, data, n);
    if (done > 0) written += done;
    return done;
  }
  return real(fd, data, n);
}
ssize_t writev(int fd, const struct iovec *parts, int n) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  if (of_ours(fd)) return n > 0 ? write(fd, parts[0].iov_base, parts[0].iov_len) : 0;
  return real(fd, parts, n);
}

#define CALL(function, parameters, arguments, types, condition) \
  int function parameters { \
    REAL(int, #function, types); \
    if ((condition) && border(0)) return -1; \
    return real arguments; \
  }
CALL(fsync, (int fd), (fd), int, of_ours(fd))
int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  if ((ours(from) || ours(to)) && border(0)) return -1;
  return real(from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
  REAL(int, "renameat", int, const char *, int, const char *);
  if ((ours(from) || ours(to)) && border(0)) return -1;
  return real(a, from, b, to);
}
int mkdir(const char *path, mode_t m) {
  REAL(int, "mkdir", const char *, mode_t);
  if (ours(path) && border(0)) return -1;
  return real(path, m);
}
int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  if (ours(path) && mode != FAIL && border(0)) return -1;
  return real(path);
}
int rmdir(const char *path) {
  REAL(int, "rmdir", const char *);
  if (ours(path) && mode != FAIL && border(0)) return -1;
  return real(path);
}
/* shutil.rmtree names entries by their folder's descriptor: while a count runs, every one is a border. */
int unlinkat(int dir, const char *path, int flags) {
  REAL(int, "unlinkat", int, const char *, int);
  if ((mode == COUNT || mode == KILL)) border(0);
  return real(dir, path, flags);
}
