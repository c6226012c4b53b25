/* Opening and closing a bus.
 *
 * Owns the wake and the three halves: serve.c, call.c, hints.c. Closing goes in one order: first the sockets
 * of a half are closed, then its aios are stopped (which waits for callbacks on NNG's threads), then its
 * memory goes; the wake is last, because callbacks post to it.
 */
#include "base/memory.h"
#include "bus/certificates.h"
#include "bus/inner.h"
#include "bus/nng_repairs.h"

static void bus_free(struct bus *bus)
{
    certificates_put(bus->certificates);
    free(bus->ca_file);
    free(bus->cert_file);
    free(bus->key_file);
    free(bus);
}

int bus_open(const struct bus_options *options, struct bus **ret_bus)
{
    int r = nng_repairs_fit();

    if (r != 0)
        return r;
    struct bus *bus = NEW(struct bus);
    bus->loop = options->loop;
    bus->ca_file = mem_str(options->ca_file);
    bus->cert_file = mem_str(options->cert_file);
    bus->key_file = mem_str(options->key_file);
    if (bus->ca_file && bus->cert_file && bus->key_file) {
        bus->certificates = certificates_get(bus->ca_file, bus->cert_file, bus->key_file);
        r = certificates_reload(bus->certificates);
        if (r != 0) {
            bus_free(bus);
            return r;
        }
    }
    bus->wake = wake_open(bus->loop);
    *ret_bus = bus;
    return 0;
}

int bus_reload_tls(struct bus *bus)
{
    return bus->certificates ? certificates_reload(bus->certificates) : 0;
}

struct bus *bus_close(struct bus *bus)
{
    if (!bus)
        return NULL;
    bus->closing = true;
    serve_close(bus->serve);
    calls_close(bus->calls);
    hints_close(bus->hints);
    wake_close(bus->wake);
    bus_free(bus);
    return NULL;
}
