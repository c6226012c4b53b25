/* sd_notify(3) and sd_listen_fds(3) by hand: one datagram and two variables do not earn a dependency. Also
 * understood by other supervisors and by deploy/local, which hands sockets down so that a restart refuses no
 * connection. No state; loop thread.
 */
#include "service/systemd.h"
#include "service/service.h"
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_FD = 3, MOST_FDS = 64 };

void systemd_notify(const char *message)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    int fd;

    if (!n || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = 0; /* the abstract name space */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    (void)!sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&to,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    close(fd);
}

/* A number out of the environment, or -1. */
static int64_t variable(const char *name)
{
    int64_t value;

    return str_to_i64(str_from(getenv(name)), 0, INT32_MAX, &value) == 0 ? value : -1;
}

int service_listen_fd(int n)
{
    int64_t count = variable("LISTEN_FDS"), pid = variable("LISTEN_PID");
    int fd = FIRST_FD + n, listening = 0;
    socklen_t size = sizeof listening;

    if (n < 0 || count > MOST_FDS || n >= count || (pid > 0 && pid != getpid()))
        return -1;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening)
        return -1;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}
