/* See fake_desk.h. The accept ends when the listener is shut down. */
#include "fake_desk.h"
#include "base/memory.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake_desk {
    int listener;
    char url[40];
    pthread_t thread;
    fake_answer_fn answer;
    void *ctx;
};

/* True when head and body are there. */
static bool is_whole(const struct buf *request)
{
    const char *text = request->p, *end = request->n ? strstr(text, "\r\n\r\n") : NULL;
    const char *length = end ? strcasestr(text, "\r\nContent-Length:") : NULL;
    size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;

    return end && request->n >= (size_t)(end + 4 - text) + body;
}

static void serve(struct fake_desk *desk, int fd)
{
    _cleanup_buf_ struct buf request = BUF_INIT, response = BUF_INIT;
    char chunk[4096];
    ssize_t n;

    while (!is_whole(&request) && (n = recv(fd, chunk, sizeof chunk, 0)) > 0) {
        buf_add(&request, chunk, (size_t)n);
        buf_text(&request);
    }
    if (!is_whole(&request))
        return;
    desk->answer(desk->ctx, buf_text(&request), &response);
    for (size_t sent = 0; sent < response.n; sent += (size_t)n) {
        n = send(fd, response.p + sent, response.n - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return;
    }
}

static void *run(void *arg)
{
    struct fake_desk *desk = arg;
    int fd;

    while ((fd = accept(desk->listener, NULL, NULL)) >= 0) {
        serve(desk, fd);
        close(fd);
    }
    return NULL;
}

struct fake_desk *fake_desk_open(fake_answer_fn answer, void *ctx)
{
    struct fake_desk *desk = NEW(struct fake_desk);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;

    desk->answer = answer;
    desk->ctx = ctx;
    desk->listener = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(desk->listener >= 0);
    cr_assert_eq(bind(desk->listener, (struct sockaddr *)&address, n), 0);
    cr_assert_eq(listen(desk->listener, 64), 0);
    cr_assert_eq(getsockname(desk->listener, (struct sockaddr *)&address, &n), 0);
    snprintf(desk->url, sizeof desk->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    cr_assert_eq(pthread_create(&desk->thread, NULL, run, desk), 0);
    return desk;
}

const char *fake_desk_url(const struct fake_desk *desk)
{
    return desk->url;
}

struct fake_desk *fake_desk_close(struct fake_desk *desk)
{
    shutdown(desk->listener, SHUT_RDWR);
    pthread_join(desk->thread, NULL);
    close(desk->listener);
    free(desk);
    return NULL;
}

void fake_json(struct buf *out, int status, const char *json)
{
    buf_printf(out,
               "HTTP/1.1 %d Fine\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
               "Connection: close\r\n\r\n%s",
               status, strlen(json), json);
}
