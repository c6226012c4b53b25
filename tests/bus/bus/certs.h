/* Certificates for the tests: made with OpenSSL in a temporary folder that goes at exit of the test. */
#pragma once
#include <stdbool.h>

struct cert_files {
    char ca[256], cert[256], key[256];
};

/** Files of a certificate for `uri` (NULL: none; a list separated by commas gives several), issued by the
 * authority called `authority`, which is made when first named. `trusts` names the authority that goes into
 * the ca file. The same `name` again replaces the files. */
struct cert_files cert_issue(const char *name, const char *authority, const char *trusts, const char *uri);
/** The common case: authority "house" and spiffe://meridian/eu/<service>/1. */
struct cert_files cert_service(const char *service);
/** A file of that name in the folder of the test. */
const char *cert_path(const char *name);
