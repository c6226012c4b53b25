/* What Debian's NNG 1.5.2 gets wrong and we repair while linking its static library (ld --wrap, see
 * CMakeLists.txt), instead of shipping an NNG of our own.
 *
 * A pipe that closes in the middle of a message hangs for ever. A transport reads a message in two steps,
 * length and body (and over TLS writes it in two as well), each continued in a callback. When the pipe closes
 * between two steps its aio is already stopped, nni_aio_begin refuses, the transport returns without a word,
 * and the protocol's aio never completes. The one thread that buries pipes waits for it: from then on this
 * process reconnects nothing, and nng_close does not return. Seen within ten kills of a busy server; upstream
 * checks for the closed pipe since a1bc737b (2023, #1636). Here: a stream operation whose aio was refused
 * completes with an error, so that the callback takes its error path. The same cures a TLS stream that is
 * read once more after its TCP connection failed, and (for sends to a pipe) a leaked message. Only these
 * operations: other callers of nni_aio_begin rely on the silence.
 *
 * A dialer gives up for good when a connection fails with NNG_ECLOSED, and a listener stops accepting,
 * because that also means that they are being closed. A TLS connection that breaks while the two sides still
 * negotiate can end so. Here: a stream operation never ends with NNG_ECLOSED but with NNG_ECONNRESET, after
 * which dialers and listeners go on (both look for themselves whether they are being closed). Seen in 5 of
 * 240 restarts.
 *
 * Debian's build takes the time of day for its clock, and waits by it. A time of day that is set back keeps a
 * dialer from dialling again for as long, when nothing else wakes the thread that waits. Here: the monotonic
 * clock, for both. Seen in 3 of 3 starts of a cluster whose time of day was ahead of the machine's.
 *
 * NNG starts two task threads and one expiry thread for each processor of the host. Two processors' worth is
 * plenty for callbacks that only post.
 *
 * The TLS engine built in by Debian is left out by giving NNG an empty one; engine.c registers ours.
 */
#include "bus/nng_repairs.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include <nng/nng.h>
#include <pthread.h>
#include <string.h>

#if NNG_MAJOR_VERSION != 1 || NNG_MINOR_VERSION != 5
#error "these repairs fit NNG 1.5 only: see which of them the new version still needs"
#endif

enum {
    PROCESSORS_AT_MOST = 2,
    MARK = 3, /* the input of an aio that tells stream operations; streams have no use for inputs */
};

/* NNG's inner functions; its objects are linked statically, so their names are in reach. */
void __real_nni_aio_finish_error(nng_aio *aio, int result);
void __wrap_nni_aio_finish_error(nng_aio *aio, int result);
int __real_nni_aio_begin(nng_aio *aio);
int __wrap_nni_aio_begin(nng_aio *aio);
void __real_nng_stream_recv(nng_stream *stream, nng_aio *aio);
void __wrap_nng_stream_recv(nng_stream *stream, nng_aio *aio);
void __real_nng_stream_send(nng_stream *stream, nng_aio *aio);
void __wrap_nng_stream_send(nng_stream *stream, nng_aio *aio);
void __real_nni_pipe_send(void *pipe, nng_aio *aio);
void __wrap_nni_pipe_send(void *pipe, nng_aio *aio);
uint64_t __wrap_nni_clock(void);
int __wrap_nni_plat_cv_until(void *condition, uint64_t until_ms);
int __real_nni_plat_ncpu(void);
int __wrap_nni_plat_ncpu(void);
int nng_tls_engine_init_mbed(void);
void nng_tls_engine_fini_mbed(void);

static _Thread_local nng_aio *refused;
static char mark;

int __wrap_nni_aio_begin(nng_aio *aio)
{
    int r = __real_nni_aio_begin(aio);

    if (r != 0)
        refused = aio;
    return r;
}

static void finish_refused(nng_aio *aio)
{
    if (refused == aio)
        __real_nni_aio_finish_error(aio, NNG_ECONNRESET);
    refused = NULL;
}

void __wrap_nni_aio_finish_error(nng_aio *aio, int result)
{
    if (result == NNG_ECLOSED && nng_aio_get_input(aio, MARK) == &mark)
        result = NNG_ECONNRESET;
    __real_nni_aio_finish_error(aio, result);
}

void __wrap_nng_stream_recv(nng_stream *stream, nng_aio *aio)
{
    refused = NULL;
    nng_aio_set_input(aio, MARK, &mark);
    __real_nng_stream_recv(stream, aio);
    finish_refused(aio);
}

void __wrap_nng_stream_send(nng_stream *stream, nng_aio *aio)
{
    refused = NULL;
    nng_aio_set_input(aio, MARK, &mark);
    __real_nng_stream_send(stream, aio);
    finish_refused(aio);
}

void __wrap_nni_pipe_send(void *pipe, nng_aio *aio)
{
    refused = NULL;
    __real_nni_pipe_send(pipe, aio);
    finish_refused(aio);
}

uint64_t __wrap_nni_clock(void)
{
    return (uint64_t)(clock_monotonic_us() / US_PER_MS);
}

int __wrap_nni_plat_cv_until(void *condition, uint64_t until_ms)
{
    struct {
        pthread_cond_t condition;
        pthread_mutex_t *mutex;
    } *cv = condition; /* as 1.5.2 has it */
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};

    return pthread_cond_clockwait(&cv->condition, cv->mutex, CLOCK_MONOTONIC, &until) ? NNG_ETIMEDOUT : 0;
}

int __wrap_nni_plat_ncpu(void)
{
    int n = __real_nni_plat_ncpu();
    return n < PROCESSORS_AT_MOST ? n : PROCESSORS_AT_MOST;
}

int nng_tls_engine_init_mbed(void)
{
    return 0;
}

void nng_tls_engine_fini_mbed(void)
{
}

int nng_repairs_fit(void)
{
    return strcmp(nng_version(), "1.5.2") == 0 ? 0 : -E_INTERNAL;
}
