/* Peers that do not speak as they should: blocking sockets and OpenSSL by hand, with time limits of 10 s. NNG
 * answers on its own threads meanwhile. */
#pragma once
#include "certs.h"
#include <openssl/ssl.h>
#include <stdint.h>
#include <sys/types.h>

enum { SP_REQ = 0x30, SP_REP = 0x31, SP_PUB = 0x20, SP_SUB = 0x21 };

int raw_connect(int port);
int raw_listen(int *ret_port);
int raw_accept(int listener);
void raw_write(int fd, const void *bytes, size_t n);
void raw_read(int fd, void *bytes, size_t n);
/** True when the other side closes within the time limit (what it still sends is skipped). */
bool raw_is_closed(int fd);
/** Says which SP protocol we are and returns what the other is. */
int raw_greet(int fd, int protocol);
/** One SP message of a REQ or REP: length, id with the high bit, body. */
void raw_send(int fd, uint32_t id, const void *body, size_t n);
/** Reads one such message; returns the length of the body. */
size_t raw_receive(int fd, uint32_t *ret_id, void *body, size_t limit);

/** Talks TLS to a port with these files (NULL: no certificate of our own) up to `version`. True when the
 * other side then takes a greeting and answers it. */
bool raw_tls_is_welcome(int port, const struct cert_files *files, const char *ca, int version);
