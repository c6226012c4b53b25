/* See proxy.h. One thread for everything: a poll loop over the listening socket and the pairs. */
#include "proxy.h"
#include "base/memory.h"
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_PAIRS = 32, BLOCK = 65536 };

struct pair {
    int client, server; /* -1: free */
    bool doomed;        /* cut as soon as the server has answered */
};

struct proxy {
    char dir[64], path[108], target[108];
    int listener, stop[2];
    struct pair pairs[MAX_PAIRS];
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    const char *word;     /* NULL: not armed */
    enum proxy_cut cut;
};

static int unix_socket(const char *path, struct sockaddr_un *ret_address)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret_address->sun_path, sizeof ret_address->sun_path, "%s", path);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void drop(struct pair *pair)
{
    close(pair->client);
    close(pair->server);
    *pair = (struct pair){-1, -1, false};
}

static void accept_client(struct proxy *proxy)
{
    struct sockaddr_un address;
    int client = accept(proxy->listener, NULL, NULL), server = unix_socket(proxy->target, &address);

    if (connect(server, (struct sockaddr *)&address, sizeof address) < 0) {
        close(client);
        close(server);
        return;
    }
    for (int i = 0; i < MAX_PAIRS; i++)
        if (proxy->pairs[i].client < 0) {
            proxy->pairs[i] = (struct pair){client, server, false};
            return;
        }
    abort();
}

/* The cut that these bytes ask for, which disarms; -1 for none. */
static int asked(struct proxy *proxy, const char *bytes, size_t n)
{
    int cut = -1;

    pthread_mutex_lock(&proxy->lock);
    if (proxy->word && memmem(bytes, n, proxy->word, strlen(proxy->word))) {
        cut = proxy->cut;
        proxy->word = NULL;
    }
    pthread_mutex_unlock(&proxy->lock);
    return cut;
}

static void relay(struct proxy *proxy, struct pair *pair, bool from_client)
{
    static char block[BLOCK];
    ssize_t n = recv(from_client ? pair->client : pair->server, block, sizeof block, 0);
    int cut = n > 0 && from_client ? asked(proxy, block, (size_t)n) : -1;

    if (n <= 0 || cut == CUT_BEFORE || (pair->doomed && !from_client)) {
        drop(pair);
        return;
    }
    if (cut == SWALLOW)
        return;
    pair->doomed |= cut == CUT_AFTER;
    for (ssize_t sent = 0; sent < n;) {
        ssize_t more =
            send(from_client ? pair->server : pair->client, block + sent, (size_t)(n - sent), MSG_NOSIGNAL);

        if (more < 0) {
            drop(pair);
            return;
        }
        sent += more;
    }
}

static void *run(void *arg)
{
    struct proxy *proxy = arg;

    for (;;) {
        struct pollfd fds[2 + 2 * MAX_PAIRS] = {{.fd = proxy->stop[0], .events = POLLIN},
                                                {.fd = proxy->listener, .events = POLLIN}};

        for (int i = 0; i < MAX_PAIRS; i++) {
            fds[2 + 2 * i] = (struct pollfd){.fd = proxy->pairs[i].client, .events = POLLIN};
            fds[3 + 2 * i] = (struct pollfd){.fd = proxy->pairs[i].server, .events = POLLIN};
        }
        if (poll(fds, 2 + 2 * MAX_PAIRS, -1) < 0)
            continue;
        if (fds[0].revents)
            return NULL;
        for (int i = 0; i < MAX_PAIRS; i++) {
            if (fds[2 + 2 * i].revents && proxy->pairs[i].client == fds[2 + 2 * i].fd)
                relay(proxy, &proxy->pairs[i], true);
            if (fds[3 + 2 * i].revents && proxy->pairs[i].server == fds[3 + 2 * i].fd &&
                fds[3 + 2 * i].fd >= 0)
                relay(proxy, &proxy->pairs[i], false);
        }
        if (fds[1].revents)
            accept_client(proxy);
    }
}

struct proxy *proxy_new(const char *dir)
{
    struct proxy *proxy = NEW(struct proxy);
    struct sockaddr_un address;

    strcpy(proxy->dir, "/tmp/mproxy.XXXXXX");
    cr_assert(mkdtemp(proxy->dir));
    snprintf(proxy->path, sizeof proxy->path, "%s/.s.PGSQL.5432", proxy->dir);
    snprintf(proxy->target, sizeof proxy->target, "%s/.s.PGSQL.5432", dir);
    for (int i = 0; i < MAX_PAIRS; i++)
        proxy->pairs[i] = (struct pair){-1, -1, false};
    proxy->listener = unix_socket(proxy->path, &address);
    cr_assert_eq(bind(proxy->listener, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(proxy->listener, 64), 0);
    cr_assert_eq(pipe(proxy->stop), 0);
    pthread_mutex_init(&proxy->lock, NULL);
    cr_assert_eq(pthread_create(&proxy->thread, NULL, run, proxy), 0);
    return proxy;
}

struct proxy *proxy_free(struct proxy *proxy)
{
    close(proxy->stop[1]);
    pthread_join(proxy->thread, NULL);
    for (int i = 0; i < MAX_PAIRS; i++)
        if (proxy->pairs[i].client >= 0)
            drop(&proxy->pairs[i]);
    close(proxy->stop[0]);
    close(proxy->listener);
    unlink(proxy->path);
    rmdir(proxy->dir);
    pthread_mutex_destroy(&proxy->lock);
    free(proxy);
    return NULL;
}

const char *proxy_dir(struct proxy *proxy)
{
    return proxy->dir;
}

void proxy_arm(struct proxy *proxy, enum proxy_cut cut, const char *word)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->cut = cut;
    proxy->word = word;
    pthread_mutex_unlock(&proxy->lock);
}
