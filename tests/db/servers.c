/* See servers.h. One lock per receiver; connection threads block in read(2) and are ended by shutdown(2). */
#include "servers.h"
#include "base/clock.h"
#include "base/memory.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGES = 4096, CONNECTIONS = 4096 };

struct message {
    struct buf text;
    int64_t at_us;
};

struct receiver {
    int listener, port;
    void (*serve)(struct receiver *receiver, int fd);
    pthread_t acceptor;
    pthread_mutex_t lock;
    pthread_cond_t released;
    bool closing, release;
    int fds[CONNECTIONS];
    pthread_t threads[CONNECTIONS];
    int nconnections;
    struct message messages[MESSAGES];
    int n, taken, in_hand, most;
    enum act *script;
    size_t nscript, next;
    enum act always;
    char *said; /* the whole answer */
};

struct line_reader {
    int fd;
    struct buf in;
};

/* ---- bookkeeping ---- */

static enum act take_act(struct receiver *receiver)
{
    enum act act;

    pthread_mutex_lock(&receiver->lock);
    act = receiver->next < receiver->nscript ? receiver->script[receiver->next++] : receiver->always;
    pthread_mutex_unlock(&receiver->lock);
    return act;
}

static void begin_message(struct receiver *receiver)
{
    pthread_mutex_lock(&receiver->lock);
    if (++receiver->in_hand > receiver->most)
        receiver->most = receiver->in_hand;
    pthread_mutex_unlock(&receiver->lock);
}

static void keep_message(struct receiver *receiver, const struct buf *text)
{
    pthread_mutex_lock(&receiver->lock);
    if (receiver->n < MESSAGES) {
        buf_add_str(&receiver->messages[receiver->n].text, buf_str(text));
        receiver->messages[receiver->n++].at_us = clock_monotonic_us();
    }
    pthread_mutex_unlock(&receiver->lock);
}

static void end_message(struct receiver *receiver, bool taken)
{
    pthread_mutex_lock(&receiver->lock);
    receiver->in_hand--;
    receiver->taken += taken;
    pthread_mutex_unlock(&receiver->lock);
}

/* Until somebody releases, the client goes, or the receiver closes. True when released. */
static bool hang(struct receiver *receiver, int fd)
{
    bool released = false, gone = false;

    while (!released && !gone) {
        char c;
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 20 * 1000 * 1000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        pthread_mutex_lock(&receiver->lock);
        if (!receiver->release && !receiver->closing)
            pthread_cond_timedwait(&receiver->released, &receiver->lock, &until);
        released = receiver->release;
        gone = receiver->closing;
        pthread_mutex_unlock(&receiver->lock);
        gone |= recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    }
    return released;
}

static void say(int fd, const char *text)
{
    size_t n = strlen(text);

    while (n) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        text += sent;
        n -= (size_t)sent;
    }
}

/* Reads more. False at the end. */
static bool fill(struct line_reader *reader)
{
    char chunk[4096];
    ssize_t n = recv(reader->fd, chunk, sizeof chunk, 0);

    if (n > 0)
        buf_add(&reader->in, chunk, (size_t)n);
    return n > 0;
}

static bool read_line(struct line_reader *reader, struct buf *ret_line)
{
    char *end;

    buf_reset(ret_line);
    while (!reader->in.n || !(end = memchr(reader->in.p, '\n', reader->in.n)))
        if (!fill(reader))
            return false;
    buf_add(ret_line, reader->in.p, (size_t)(end - reader->in.p) + 1);
    buf_consume(&reader->in, ret_line->n);
    return true;
}

/* ---- SMTP ---- */

static bool read_data(struct line_reader *reader, struct buf *message)
{
    _cleanup_buf_ struct buf line = BUF_INIT;

    while (read_line(reader, &line)) {
        if (str_eq(buf_str(&line), STR(".\r\n")))
            return true;
        buf_add_str(message, str_starts(buf_str(&line), STR(".")) ? (struct str){line.p + 1, line.n - 1}
                                                                  : buf_str(&line));
    }
    return false;
}

/* The end of a message. False when the connection is to be closed. */
static bool answer_data(struct receiver *receiver, int fd, enum act act)
{
    bool taken = act == ACT_OK;

    if (act == ACT_HANG)
        taken = hang(receiver, fd);
    end_message(receiver, taken);
    if (act == ACT_HANG_UP || (act == ACT_HANG && !taken))
        return false;
    say(fd, taken ? "250 2.0.0 taken\r\n" : act == ACT_LATER ? "452 4.2.2 later\r\n" : "554 5.6.0 never\r\n");
    return true;
}

static void serve_smtp(struct receiver *receiver, int fd)
{
    struct line_reader reader = {.fd = fd};
    _cleanup_buf_ struct buf line = BUF_INIT, message = BUF_INIT;
    enum act act = take_act(receiver);
    bool fresh = true; /* `act` waits for its message */

    say(fd, act == ACT_GREET_BADLY ? "554 5.7.1 not you\r\n" : "220 test ESMTP\r\n");
    while (act != ACT_GREET_BADLY && read_line(&reader, &line)) {
        if (strncasecmp(line.p, "MAIL", 4) == 0) {
            if (!fresh)
                act = take_act(receiver);
            fresh = false;
            buf_reset(&message);
            say(fd, "250 2.1.0 ok\r\n");
        } else if (strncasecmp(line.p, "RCPT", 4) == 0) {
            buf_add_str(&message, buf_str(&line));
            say(fd, act == ACT_TEMPORARY   ? "451 4.3.0 busy\r\n"
                    : act == ACT_PERMANENT ? "550 5.1.1 nobody\r\n"
                                           : "250 2.1.5 ok\r\n");
        } else if (strncasecmp(line.p, "DATA", 4) == 0) {
            say(fd, "354 go on\r\n");
            begin_message(receiver);
            if (!read_data(&reader, &message)) {
                end_message(receiver, false);
                break;
            }
            keep_message(receiver, &message);
            if (!answer_data(receiver, fd, act))
                break;
        } else if (strncasecmp(line.p, "QUIT", 4) == 0) {
            say(fd, "221 bye\r\n");
            break;
        } else {
            say(fd, strncasecmp(line.p, "EHLO", 4) == 0 ? "250-test\r\n250 8BITMIME\r\n" : "250 ok\r\n");
        }
    }
    buf_fini(&reader.in);
}

/* ---- HTTP ---- */

static bool read_request(struct line_reader *reader, struct buf *request)
{
    _cleanup_buf_ struct buf line = BUF_INIT;
    size_t length = 0;

    do {
        if (!read_line(reader, &line))
            return false;
        buf_add_str(request, buf_str(&line));
        if (strncasecmp(line.p, "Content-Length:", 15) == 0)
            length = strtoul(line.p + 15, NULL, 10);
    } while (line.n > 2);
    while (reader->in.n < length)
        if (!fill(reader))
            return false;
    buf_add(request, reader->in.p, length);
    buf_consume(&reader->in, length);
    return true;
}

static void flood(int fd)
{
    char chunk[8192];
    size_t sent = 0;

    memset(chunk, 'x', sizeof chunk);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    while (sent < 1000000000 && send(fd, chunk, sizeof chunk, MSG_NOSIGNAL) > 0)
        sent += sizeof chunk;
}

static void say_said(struct receiver *receiver, int fd)
{
    _cleanup_(freep) char *text = NULL;

    pthread_mutex_lock(&receiver->lock);
    text = mem_str(receiver->said);
    pthread_mutex_unlock(&receiver->lock);
    say(fd, text);
}

static bool answer_request(struct receiver *receiver, int fd, enum act act)
{
    bool taken = act == ACT_OK || act == ACT_FLOOD || act == ACT_SAY;

    if (act == ACT_HANG)
        taken = hang(receiver, fd);
    end_message(receiver, taken);
    switch (act) {
    case ACT_TEMPORARY:
        say(fd, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
        return true;
    case ACT_PERMANENT:
        say(fd, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
        return true;
    case ACT_LATER:
        say(fd, "HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
        return true;
    case ACT_NEVER:
        say(fd, "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n");
        return true;
    case ACT_REDIRECT:
        say(fd, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
        return true;
    case ACT_FLOOD:
        flood(fd);
        return false;
    case ACT_SAY:
        say_said(receiver, fd);
        return true;
    default:
        if (taken)
            say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        return taken;
    }
}

static void serve_http(struct receiver *receiver, int fd)
{
    struct line_reader reader = {.fd = fd};
    bool go_on = true;

    while (go_on) {
        _cleanup_buf_ struct buf request = BUF_INIT;

        if (!read_request(&reader, &request))
            break;
        begin_message(receiver);
        keep_message(receiver, &request);
        go_on = answer_request(receiver, fd, take_act(receiver));
    }
    buf_fini(&reader.in);
}

/* ---- connections ---- */

struct connection {
    struct receiver *receiver;
    int i;
};

static void *run_connection(void *arg)
{
    struct connection *connection = arg;
    struct receiver *receiver = connection->receiver;
    int i = connection->i, fd = receiver->fds[i];

    free(connection);
    receiver->serve(receiver, fd);
    pthread_mutex_lock(&receiver->lock);
    receiver->fds[i] = -1;
    close(fd);
    pthread_mutex_unlock(&receiver->lock);
    return NULL;
}

static void *run_acceptor(void *arg)
{
    struct receiver *receiver = arg;
    int fd;

    while ((fd = accept4(receiver->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = NEW(struct connection);

        pthread_mutex_lock(&receiver->lock);
        if (receiver->closing || receiver->nconnections == CONNECTIONS) {
            close(fd);
            free(connection);
        } else {
            *connection = (struct connection){receiver, receiver->nconnections};
            receiver->fds[receiver->nconnections] = fd;
            pthread_create(&receiver->threads[receiver->nconnections++], NULL, run_connection, connection);
        }
        pthread_mutex_unlock(&receiver->lock);
    }
    return NULL;
}

static struct receiver *open_receiver(void (*serve)(struct receiver *receiver, int fd))
{
    struct receiver *receiver = NEW(struct receiver);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    receiver->serve = serve;
    pthread_mutex_init(&receiver->lock, NULL);
    pthread_cond_init(&receiver->released, NULL);
    receiver->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(receiver->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(receiver->listener, 128) < 0 ||
        getsockname(receiver->listener, (struct sockaddr *)&address, &size) < 0)
        abort();
    receiver->port = ntohs(address.sin_port);
    pthread_create(&receiver->acceptor, NULL, run_acceptor, receiver);
    return receiver;
}

struct receiver *receiver_smtp(void)
{
    return open_receiver(serve_smtp);
}

struct receiver *receiver_http(void)
{
    return open_receiver(serve_http);
}

int receiver_port(const struct receiver *receiver)
{
    return receiver->port;
}

void receiver_says(struct receiver *receiver, const char *head, const char *body)
{
    char *said = mem_printf("%s\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body), body);

    pthread_mutex_lock(&receiver->lock);
    free(receiver->said);
    receiver->said = said;
    pthread_mutex_unlock(&receiver->lock);
}

void receiver_script(struct receiver *receiver, const enum act *acts, size_t n, enum act always)
{
    pthread_mutex_lock(&receiver->lock);
    free(receiver->script);
    receiver->script = n ? mem_dup(acts, n * sizeof *acts) : NULL;
    receiver->nscript = n;
    receiver->next = 0;
    receiver->always = always;
    pthread_mutex_unlock(&receiver->lock);
}

void receiver_release(struct receiver *receiver)
{
    pthread_mutex_lock(&receiver->lock);
    receiver->release = true;
    receiver->always = ACT_OK;
    pthread_cond_broadcast(&receiver->released);
    pthread_mutex_unlock(&receiver->lock);
}

static int look(struct receiver *receiver, const int *figure)
{
    int value;

    pthread_mutex_lock(&receiver->lock);
    value = *figure;
    pthread_mutex_unlock(&receiver->lock);
    return value;
}

int receiver_count(struct receiver *receiver)
{
    return look(receiver, &receiver->n);
}

int receiver_taken(struct receiver *receiver)
{
    return look(receiver, &receiver->taken);
}

int receiver_connections(struct receiver *receiver)
{
    return look(receiver, &receiver->nconnections);
}

int receiver_most_at_once(struct receiver *receiver)
{
    return look(receiver, &receiver->most);
}

void receiver_message(struct receiver *receiver, int i, struct buf *out)
{
    pthread_mutex_lock(&receiver->lock);
    if (i < receiver->n)
        buf_add_str(out, buf_str(&receiver->messages[i].text));
    pthread_mutex_unlock(&receiver->lock);
}

int64_t receiver_time_us(struct receiver *receiver, int i)
{
    int64_t at_us;

    pthread_mutex_lock(&receiver->lock);
    at_us = i < receiver->n ? receiver->messages[i].at_us : 0;
    pthread_mutex_unlock(&receiver->lock);
    return at_us;
}

struct receiver *receiver_close(struct receiver *receiver)
{
    pthread_mutex_lock(&receiver->lock);
    receiver->closing = true;
    pthread_cond_broadcast(&receiver->released);
    for (int i = 0; i < receiver->nconnections; i++)
        if (receiver->fds[i] >= 0)
            shutdown(receiver->fds[i], SHUT_RDWR);
    pthread_mutex_unlock(&receiver->lock);
    shutdown(receiver->listener, SHUT_RDWR);
    pthread_join(receiver->acceptor, NULL);
    for (int i = 0; i < receiver->nconnections; i++)
        pthread_join(receiver->threads[i], NULL);
    close(receiver->listener);
    for (int i = 0; i < receiver->n; i++)
        buf_fini(&receiver->messages[i].text);
    free(receiver->script);
    free(receiver->said);
    free(receiver);
    return NULL;
}
