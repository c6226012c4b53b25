/* A replacement is written beside the file and takes its place by a rename. */
#include "deskctl/whole_file.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void closep(const int *fd)
{
    int before = errno;

    if (*fd >= 0)
        close(*fd);
    errno = before;
}

int whole_file_read(const char *path, size_t max, struct buf *out)
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t before = out->n;
    char chunk[16384];
    ssize_t n;

    if (fd < 0)
        return -E_IO;
    while ((n = read(fd, chunk, sizeof chunk)) > 0) {
        buf_add(out, chunk, (size_t)n);
        if (out->n - before > max) {
            errno = EFBIG;
            return -E_IO;
        }
    }
    return n < 0 ? -E_IO : 0;
}

static int write_all(int fd, struct str text)
{
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);

        if (n < 0)
            return -1;
        text.p += n;
        text.n -= (size_t)n;
    }
    return fsync(fd);
}

/* The rename itself is durable once the folder is. Nothing can be done when it is not. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    _cleanup_(freep) char *folder = slash ? mem_strn(path, (size_t)(slash - path) + 1) : mem_str(".");
    _cleanup_(closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        (void)!fsync(fd);
}

int whole_file_replace(const char *path, struct str text, mode_t mode)
{
    _cleanup_(freep) char *real = realpath(path, NULL), *fresh = NULL;
    _cleanup_(closep) int fd = -1;
    struct stat old;

    if (!real)
        real = mem_str(path);
    else if (stat(real, &old) == 0)
        mode = old.st_mode & 07777;
    fresh = mem_printf("%s.XXXXXX", real);
    fd = mkostemp(fresh, O_CLOEXEC);
    if (fd < 0)
        return -E_IO;
    if (fchmod(fd, mode) != 0 || write_all(fd, text) != 0 || rename(fresh, real) != 0) {
        int before = errno;

        unlink(fresh);
        errno = before;
        return -E_IO;
    }
    sync_folder(real);
    return 0;
}
