/* Issues P-256 certificates as deploy/local/up does: a private authority, leaves with one URI name. */
#include "certs.h"
#include "base/memory.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

struct authority {
    const char *name;
    EVP_PKEY *key;
    X509 *certificate;
};

static char folder[64];
static struct authority authorities[4];

static void remove_folder(void)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (dir)
        closedir(dir);
    rmdir(folder);
}

const char *cert_path(const char *name)
{
    static char path[256];

    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/meridian-bus-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
        atexit(remove_folder);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    cr_assert_not_null(extension, "extension %s", value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509 *make(const char *subject, EVP_PKEY *key, const struct authority *issuer)
{
    static long serial = 1;
    X509 *certificate = X509_new();
    X509_NAME *name = X509_NAME_new();

    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)subject, -1, -1, 0);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_subject_name(certificate, name);
    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer->certificate) : name);
    X509_set_pubkey(certificate, key);
    X509_NAME_free(name);
    return certificate;
}

static struct authority *authority_get(const char *name)
{
    struct authority *authority = authorities;

    while (authority->name && strcmp(authority->name, name) != 0)
        authority++;
    if (authority->name)
        return authority;
    authority->name = name;
    authority->key = EVP_EC_gen("P-256");
    authority->certificate = make(name, authority->key, NULL);
    add_extension(authority->certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(authority->certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    cr_assert(X509_sign(authority->certificate, authority->key, EVP_sha256()) > 0);
    return authority;
}

static void write_certificate(const char *path, X509 *certificate)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert(PEM_write_X509(file, certificate) == 1);
    fclose(file);
}

struct cert_files cert_issue(const char *name, const char *authority_name, const char *trusts,
                             const char *uri)
{
    struct authority *authority = authority_get(authority_name);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make(name, key, authority);
    struct cert_files files;
    FILE *file;

    add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth");
    if (uri)
        add_extension(certificate, NID_subject_alt_name, uri);
    cr_assert(X509_sign(certificate, authority->key, EVP_sha256()) > 0);
    snprintf(files.ca, sizeof files.ca, "%s.ca", cert_path(name));
    snprintf(files.cert, sizeof files.cert, "%s.crt", cert_path(name));
    snprintf(files.key, sizeof files.key, "%s.key", cert_path(name));
    write_certificate(files.ca, authority_get(trusts)->certificate);
    write_certificate(files.cert, certificate);
    file = fopen(files.key, "w");
    cr_assert_not_null(file);
    cr_assert(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return files;
}

struct cert_files cert_service(const char *service)
{
    char uri[128];

    snprintf(uri, sizeof uri, "URI:spiffe://meridian/eu/%s/1", service);
    return cert_issue(service, "house", "house", uri);
}
