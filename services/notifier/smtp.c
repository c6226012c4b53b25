/* One send is one job: filled on the loop, performed on a pool thread that touches nothing else, finished on
 * the loop.
 *
 * Easy handles are kept and used again, each with the connection it has open, so that a busy desk does not
 * greet the relay for every mail. Closing does not wait for threads: their jobs are told to stop (the
 * progress callback looks), and are orphans that free themselves when they come back. What must stay true:
 * `done` of a job is called once, by whoever comes first, the job's end or smtp_close; and a job ends within
 * its timeout, counted from the request, whether it found a thread or not. Whoever asked (a ledger with a
 * lease, a notifier of another region) has given it to somebody else some time after that: what is still in
 * the queue then must not become a second copy.
 */
#include "notifier/smtp.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include "outbound/transport.h"
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

/* The least that libcurl takes: a mail is small, and libcurl takes and gives back three times this for each.
 */
enum { IDLE_MOST = 16, UPLOAD_BUFFER = 16 * 1024 };

struct smtp {
    uv_loop_t *loop;
    struct list sends;
    CURL *idle[IDLE_MOST];
    int nidle;
};

struct send {
    struct list node;
    struct smtp *smtp; /* NULL: an orphan */
    uv_work_t work;
    CURL *easy;
    struct curl_slist *recipients;
    char *message;
    size_t n;
    atomic_bool stop;
    int64_t timeout_us, deadline_us; /* monotonic */
    smtp_done_fn done;
    void *ctx;
    struct smtp_result result;
};

void smtp_set_threads(int n)
{
    char text[16];

    snprintf(text, sizeof text, "%d", n);
    setenv("UV_THREADPOOL_SIZE", text, 0);
}

/* Ends a handle and its connection without a word to the relay: closing politely would say QUIT and wait for
 * the reply. */
static void drop_handle(CURL *easy)
{
    curl_socket_t fd = CURL_SOCKET_BAD;

    curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd != CURL_SOCKET_BAD)
        shutdown(fd, SHUT_RDWR);
    curl_easy_cleanup(easy);
}

struct smtp *smtp_open(uv_loop_t *loop)
{
    struct smtp *smtp = NEW(struct smtp);

    smtp->loop = loop;
    list_init(&smtp->sends);
    return smtp;
}

/* ---- on a pool thread ---- */

static size_t on_read(char *to, size_t size, size_t n, void *ctx)
{
    struct send *send = ctx;
    size_t room = size * n, left = send->n - send->result.sent;

    if (left < room)
        room = left;
    memcpy(to, send->message + send->result.sent, room);
    send->result.sent += room;
    send->result.complete = room == 0;
    return room;
}

static int on_progress(void *ctx, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
    struct send *send = ctx;

    (void)dltotal;
    (void)dlnow;
    (void)ultotal;
    (void)ulnow;
    return atomic_load(&send->stop);
}

/* True when less than half of its time is left: a dialogue begun then would be cut short when the message is
 * out and the answer is not, and nobody would know whether it was taken. */
static bool comes_too_late(const struct send *send, int64_t *ret_left_us)
{
    *ret_left_us = send->deadline_us - clock_monotonic_us();
    return *ret_left_us < send->timeout_us / 2;
}

static void run_send(uv_work_t *work)
{
    struct send *send = work->data;
    int64_t left_us;

    if (comes_too_late(send, &left_us)) {
        send->result.result = CURLE_OPERATION_TIMEDOUT;
        send->result.late = true;
        return;
    }
    curl_easy_setopt(send->easy, CURLOPT_TIMEOUT_MS, (long)(left_us / US_PER_MS));
    send->result.result = curl_easy_perform(send->easy);
    curl_easy_getinfo(send->easy, CURLINFO_RESPONSE_CODE, &send->result.code);
    if (send->result.result == CURLE_OK)
        return;
    /* libcurl 7.88 keeps a connection whose last answer never came, and would take that answer, when it
     * comes, for one to the next mail's commands. So after any failure the connection goes. */
    drop_handle(TAKE(send->easy));
}

/* ---- on the loop ---- */

static void keep_handle(struct send *send)
{
    struct smtp *smtp = send->smtp;

    if (!send->easy)
        return;
    if (smtp && smtp->nidle < IDLE_MOST) {
        curl_easy_reset(send->easy); /* keeps its connection */
        smtp->idle[smtp->nidle++] = send->easy;
    } else {
        drop_handle(send->easy);
    }
}

static void on_sent(uv_work_t *work, int status)
{
    struct send *send = work->data;

    (void)status; /* never cancelled */
    keep_handle(send);
    if (send->smtp) {
        list_remove(&send->node);
        send->done(send->ctx, &send->result);
    }
    curl_slist_free_all(send->recipients);
    free(send->message);
    free(send);
}

static void set_options(struct send *send, const struct smtp_request *request)
{
    _cleanup_(freep) char *from = mem_printf("<%s>", request->from);
    _cleanup_(freep) char *to = mem_printf("<%s>", request->to);

    send->recipients = curl_slist_append(NULL, to);
    transport_set_defaults(send->easy, request->timeout_us);
    curl_easy_setopt(send->easy, CURLOPT_URL, request->url);
    curl_easy_setopt(send->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(send->easy, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(send->easy, CURLOPT_MAIL_RCPT, send->recipients);
    curl_easy_setopt(send->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(send->easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
    curl_easy_setopt(send->easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(send->easy, CURLOPT_READDATA, send);
    curl_easy_setopt(send->easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(send->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(send->easy, CURLOPT_XFERINFODATA, send);
}

void smtp_send(struct smtp *smtp, const struct smtp_request *request, smtp_done_fn done, void *ctx)
{
    struct send *send = NEW(struct send);

    send->smtp = smtp;
    send->message = mem_dup(request->message.p, request->message.n);
    send->n = request->message.n;
    send->timeout_us = request->timeout_us;
    send->deadline_us = clock_monotonic_us() + request->timeout_us;
    send->done = done;
    send->ctx = ctx;
    send->easy = smtp->nidle ? smtp->idle[--smtp->nidle] : curl_easy_init();
    if (!send->easy)
        abort(); /* out of memory */
    set_options(send, request);
    list_append(&smtp->sends, &send->node);
    send->work.data = send;
    uv_queue_work(smtp->loop, &send->work, run_send, on_sent);
}

struct smtp *smtp_close(struct smtp *smtp)
{
    const struct smtp_result aborted = {.result = CURLE_ABORTED_BY_CALLBACK};
    struct list *node;

    if (!smtp)
        return NULL;
    while ((node = list_pop(&smtp->sends))) {
        struct send *send = CONTAINER_OF(node, struct send, node);

        atomic_store(&send->stop, true);
        send->smtp = NULL;
        send->done(send->ctx, &aborted);
    }
    while (smtp->nidle)
        drop_handle(smtp->idle[--smtp->nidle]);
    free(smtp);
    return NULL;
}
