#include "raw.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void limit_time(int fd)
{
    struct timeval limit = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

int raw_connect(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    limit_time(fd);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int raw_listen(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    limit_time(fd);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, n), 0);
    cr_assert_eq(listen(fd, 16), 0);
    getsockname(fd, (struct sockaddr *)&address, &n);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int raw_accept(int listener)
{
    int fd = accept(listener, NULL, NULL);

    cr_assert(fd >= 0, "nobody connected");
    limit_time(fd);
    return fd;
}

void raw_write(int fd, const void *bytes, size_t n)
{
    cr_assert_eq(send(fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

void raw_read(int fd, void *bytes, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t r = read(fd, (char *)bytes + got, n - got);
        cr_assert(r > 0, "the other side closed");
        got += (size_t)r;
    }
}

bool raw_is_closed(int fd)
{
    char bytes[4096];
    ssize_t n;

    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        ;
    return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static const uint8_t greeting[8] = {0, 'S', 'P', 0};

int raw_greet(int fd, int protocol)
{
    uint8_t bytes[8];

    memcpy(bytes, greeting, sizeof bytes);
    bytes[5] = (uint8_t)protocol;
    raw_write(fd, bytes, sizeof bytes);
    raw_read(fd, bytes, sizeof bytes);
    cr_assert_arr_eq(bytes, greeting, 4);
    return bytes[5];
}

void raw_send(int fd, uint32_t id, const void *body, size_t n)
{
    uint64_t length = htobe64(n + 4);

    id = htobe32(id | 0x80000000u);
    raw_write(fd, &length, 8);
    raw_write(fd, &id, 4);
    if (n > 0)
        raw_write(fd, body, n);
}

size_t raw_receive(int fd, uint32_t *ret_id, void *body, size_t limit)
{
    uint64_t length;

    raw_read(fd, &length, 8);
    raw_read(fd, ret_id, 4);
    size_t n = be64toh(length) - 4;
    cr_assert(n <= limit);
    raw_read(fd, body, n);
    *ret_id = be32toh(*ret_id) & 0x7fffffffu;
    return n;
}

bool raw_tls_is_welcome(int port, const struct cert_files *files, const char *ca, int version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    uint8_t bytes[8];
    int got = 0;

    signal(SIGPIPE, SIG_IGN); /* the other side may have hung up */
    SSL_CTX_set_max_proto_version(context, version);
    cr_assert_eq(SSL_CTX_load_verify_file(context, ca), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (files) {
        cr_assert_eq(SSL_CTX_use_certificate_chain_file(context, files->cert), 1);
        cr_assert_eq(SSL_CTX_use_PrivateKey_file(context, files->key, SSL_FILETYPE_PEM), 1);
    }
    int fd = raw_connect(port);
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) == 1) {
        memcpy(bytes, greeting, sizeof bytes);
        bytes[5] = SP_REQ;
        if (SSL_write(ssl, bytes, sizeof bytes) == sizeof bytes)
            got = SSL_read(ssl, bytes, sizeof bytes);
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return got == sizeof bytes && bytes[5] == SP_REP;
}
