/* meridian-load: HTTP load on loopback, open or closed loop, one thread.
 *
 * Open loop (--rate R): requests are due at fixed instants start + i/R, whatever the server does. A request
 * that finds no free connection waits, and its latency counts from the instant it was due, so that a stalled
 * server cannot hide its stall ("coordinated omission"). Closed loop (--rate max): every connection sends the
 * next request as soon as it has its answer.
 *
 *   meridian-load --op submit|claim|read --url 127.0.0.1:8401 --tokens FILE [--numbers FILE] [--connections
 * 64] [--rate R|max] [--seconds 30]
 *
 * Prints one JSON object. Targets are loopback addresses only. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/uuid.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

enum { MAX_LINES = 100000 };

struct lines {
    char **text;
    int n;
};

struct load {
    uv_loop_t loop;
    uv_timer_t tick;
    const char *op;
    struct sockaddr_in address;
    char host[64];
    struct lines tokens, numbers;
    int connections;
    double rate; /* 0: closed loop */
    int64_t seconds, start_us, end_us;
    long issued; /* requests sent so far (closed) or due so far (open) */
    long due;    /* open loop: requests that are due */
    int64_t *latency_us;
    long answers, by_class[6], status_201, status_202, status_204, broken, behind_max;
    int busy;
    bool stopping;
};

struct connection {
    struct load *load;
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    struct buf out, in;
    char chunk[16384];
    bool connected, waiting; /* waiting: for an answer */
    int64_t intended_us;
};

static struct connection *pool;

static int read_lines(const char *file, struct lines *ret_lines)
{
    FILE *in = fopen(file, "r");
    char *line = NULL;
    size_t size = 0;

    if (!in)
        return -1;
    ret_lines->text = NEW_ARRAY(char *, MAX_LINES);
    while (ret_lines->n < MAX_LINES && getline(&line, &size, in) > 0) {
        line[strcspn(line, "\r\n")] = 0;
        if (line[0])
            ret_lines->text[ret_lines->n++] = mem_str(line);
    }
    free(line);
    fclose(in);
    return ret_lines->n ? 0 : -1;
}

static void connection_open(struct connection *c);
static void pump(struct load *load);

static void compose(struct connection *c, long i)
{
    struct load *load = c->load;
    const char *token = load->tokens.text[i % load->tokens.n];

    buf_reset(&c->out);
    if (strcmp(load->op, "read") == 0) {
        buf_printf(&c->out, "GET /api/v1/tickets/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n",
                   load->numbers.text[random_u64() % (unsigned)load->numbers.n], load->host, token);
    } else {
        struct uuid uuid = uuid_v7();
        char key[UUID_TEXT_SIZE], body[1024];
        int n;
        if (strcmp(load->op, "claim") == 0)
            n = snprintf(body, sizeof body, "{}");
        else
            n = snprintf(
                body, sizeof body,
                "{\"subject\":\"Printer on floor %ld does not answer\",\"description\":\"Since this morning "
                "the printer shows a paper jam that is not there. Restarting it did not help; "
                "several colleagues are waiting for their "
                "documents.\",\"impact\":\"%s\",\"urgency\":\"medium\",\"service\":\"printing\"}",
                i % 40, i % 10 == 0 ? "high" : "low");
        buf_printf(&c->out,
                   "POST /api/v1/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nIdempotency-Key: "
                   "%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                   strcmp(load->op, "claim") == 0 ? "queue:claim-next" : "tickets", load->host, token,
                   uuid_format(&uuid, key), n, body);
    }
}

static void send_request(struct connection *c, long i, int64_t intended_us)
{
    uv_buf_t bytes;
    int sent;

    compose(c, i);
    c->waiting = true;
    c->load->busy++;
    c->intended_us = intended_us;
    bytes = uv_buf_init(c->out.p, (unsigned)c->out.n);
    sent = uv_try_write((uv_stream_t *)&c->tcp, &bytes, 1);
    if (sent == (int)c->out.n)
        return;
    bytes =
        uv_buf_init(c->out.p + (sent > 0 ? sent : 0), (unsigned)(c->out.n - (size_t)(sent > 0 ? sent : 0)));
    uv_write(&c->write, (uv_stream_t *)&c->tcp, &bytes, 1, NULL);
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;

    if (!c->load->stopping)
        connection_open(c);
}

static void connection_broken(struct connection *c)
{
    if (c->waiting) {
        c->load->broken++;
        c->load->busy--;
        c->waiting = false;
    }
    c->connected = false;
    buf_reset(&c->in);
    if (!uv_is_closing((uv_handle_t *)&c->tcp))
        uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* A complete answer at the front of c->in: its length and status; 0 when more bytes are needed. */
static size_t answer_length(const struct connection *c, int *ret_status, bool *ret_close)
{
    const char *p = buf_text(&c->in), *end = strstr(p, "\r\n\r\n"), *length, *closing;
    size_t body = 0;

    if (!end || c->in.n < 12)
        return 0;
    *ret_status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    length = strcasestr(p, "\r\nContent-Length:");
    if (length && length < end)
        body = strtoul(length + 17, NULL, 10);
    closing = strcasestr(p, "\r\nConnection: close");
    *ret_close = closing && closing < end;
    body += (size_t)(end - p) + 4;
    return c->in.n >= body ? body : 0;
}

static void take_answers(struct connection *c)
{
    struct load *load = c->load;
    int status;
    bool closing;
    size_t n;

    while (c->waiting && (n = answer_length(c, &status, &closing)) > 0) {
        buf_consume(&c->in, n);
        c->waiting = false;
        load->busy--;
        if ((load->answers & (load->answers - 1)) == 0)
            load->latency_us =
                mem_grow(load->latency_us, (size_t)(load->answers ? 2 * load->answers : 1) * sizeof(int64_t));
        load->latency_us[load->answers++] = clock_monotonic_us() - c->intended_us;
        load->by_class[status / 100 % 6]++;
        load->status_201 += status == 201;
        load->status_202 += status == 202;
        load->status_204 += status == 204;
        if (closing) {
            connection_broken(c);
            return;
        }
        pump(load);
    }
}

static void on_alloc(uv_handle_t *handle, size_t want, uv_buf_t *ret_buf)
{
    struct connection *c = handle->data;

    (void)want;
    *ret_buf = uv_buf_init(c->chunk, sizeof c->chunk);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct connection *c = stream->data;

    if (n < 0) {
        connection_broken(c);
        return;
    }
    buf_add(&c->in, bytes->base, (size_t)n);
    take_answers(c);
}

static void on_connect(uv_connect_t *request, int status)
{
    struct connection *c = request->data;

    if (status < 0) {
        connection_broken(c);
        return;
    }
    c->connected = true;
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    pump(c->load);
}

static void connection_open(struct connection *c)
{
    uv_tcp_init(&c->load->loop, &c->tcp);
    c->tcp.data = c;
    c->connect.data = c;
    c->waiting = false;
    if (uv_tcp_connect(&c->connect, &c->tcp, (const struct sockaddr *)&c->load->address, on_connect) < 0)
        connection_broken(c);
}

static void stop(struct load *load)
{
    load->stopping = true;
    uv_timer_stop(&load->tick);
    uv_stop(&load->loop);
}

/* Sends what is due on what is free. */
static void pump(struct load *load)
{
    int64_t now = clock_monotonic_us();

    if (!load->start_us)
        return;
    if (load->rate > 0) {
        int64_t until = now < load->end_us ? now : load->end_us;
        load->due = (long)((double)(until - load->start_us) / 1e6 * load->rate);
        if (load->due - load->issued > load->behind_max)
            load->behind_max = load->due - load->issued;
    }
    for (int i = 0; i < load->connections; i++) {
        struct connection *c = &pool[i];
        if (!c->connected || c->waiting)
            continue;
        if (load->rate > 0 ? load->issued >= load->due : now >= load->end_us)
            break;
        send_request(c, load->issued,
                     load->rate > 0 ? load->start_us + (int64_t)((double)load->issued / load->rate * 1e6)
                                    : now);
        load->issued++;
    }
    if (now >= load->end_us && load->busy == 0 && (load->rate <= 0 || load->issued >= load->due))
        stop(load);
    if (now >= load->end_us + 30 * US_PER_S)
        stop(load);
}

static void on_tick(uv_timer_t *timer)
{
    struct load *load = timer->data;

    if (!load->start_us) {
        load->start_us = clock_monotonic_us();
        load->end_us = load->start_us + load->seconds * US_PER_S;
    }
    pump(load);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static double at_share(const struct load *load, double share)
{
    long rank = (long)((double)load->answers * share);

    return load->answers ? (double)load->latency_us[rank < load->answers ? rank : load->answers - 1] / 1000.0
                         : 0;
}

static void report(struct load *load)
{
    double seconds = (double)(clock_monotonic_us() - load->start_us) / 1e6;

    qsort(load->latency_us, (size_t)load->answers, sizeof(int64_t), by_value);
    printf("{\"op\":\"%s\",\"connections\":%d,\"rate\":%.0f,\"seconds\":%.2f,\"answers\":%ld,\"per_s\":%.1f,"
           "\"status_201\":%ld,\"status_202\":%ld,\"status_204\":%ld,\"status_2xx\":%ld,\"status_4xx\":%ld,"
           "\"status_5xx\":%ld,\"broken\":%ld,\"unanswered\":%ld,\"p50_ms\":%.2f,\"p95_ms\":%.2f,\"p99_ms\":%"
           ".2f,\"p999_ms\":%.2f,\"max_ms\":%.2f,\"most_behind\":%ld}\n",
           load->op, load->connections, load->rate, seconds, load->answers, (double)load->answers / seconds,
           load->status_201, load->status_202, load->status_204, load->by_class[2], load->by_class[4],
           load->by_class[5], load->broken, (long)load->busy, at_share(load, 0.5), at_share(load, 0.95),
           at_share(load, 0.99), at_share(load, 0.999), at_share(load, 1.0), load->behind_max);
}

static int usage(void)
{
    fputs("usage: meridian-load --op submit|claim|read --url 127.0.0.1:PORT --tokens FILE [--numbers FILE] "
          "[--connections N] [--rate R|max] [--seconds S]\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"op", 1, NULL, 'o'},          {"url", 1, NULL, 'u'},
                                            {"tokens", 1, NULL, 't'},      {"numbers", 1, NULL, 'n'},
                                            {"connections", 1, NULL, 'c'}, {"rate", 1, NULL, 'r'},
                                            {"seconds", 1, NULL, 's'},     {NULL, 0, NULL, 0}};
    struct load load = {.connections = 64, .seconds = 30};
    int option, port = 0;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'o')
            load.op = optarg;
        else if (option == 'u')
            snprintf(load.host, sizeof load.host, "%s", optarg);
        else if (option == 't' && read_lines(optarg, &load.tokens) < 0)
            return fprintf(stderr, "meridian-load: no tokens in %s\n", optarg), 1;
        else if (option == 'n' && read_lines(optarg, &load.numbers) < 0)
            return fprintf(stderr, "meridian-load: no numbers in %s\n", optarg), 1;
        else if (option == 'c')
            load.connections = atoi(optarg);
        else if (option == 'r')
            load.rate = strcmp(optarg, "max") == 0 ? 0 : atof(optarg);
        else if (option == 's')
            load.seconds = atoi(optarg);
        else if (option == '?')
            return usage();
    }
    if (!load.op || !load.tokens.n || load.connections < 1 || load.connections > 4096 || load.seconds < 1 ||
        (strcmp(load.op, "read") == 0 && !load.numbers.n) || sscanf(load.host, "127.0.0.1:%d", &port) != 1)
        return usage();
    uv_ip4_addr("127.0.0.1", port, &load.address);
    uv_loop_init(&load.loop);
    pool = NEW_ARRAY(struct connection, load.connections);
    for (int i = 0; i < load.connections; i++) {
        pool[i].load = &load;
        connection_open(&pool[i]);
    }
    uv_timer_init(&load.loop, &load.tick);
    load.tick.data = &load;
    uv_timer_start(&load.tick, on_tick, 200, 1);
    uv_run(&load.loop, UV_RUN_DEFAULT);
    report(&load);
    return load.by_class[5] || load.broken || load.busy ? 1 : 0;
}
