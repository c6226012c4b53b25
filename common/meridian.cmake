# Build rules shared by every folder: warnings, hardening, the include wall between modules, and embedded SQL.

include(CheckCCompilerFlag)
include(CheckLinkerFlag)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
foreach(lib libuv libpq jansson sqlite3 libcurl glib-2.0 libprotobuf-c libical yaml-0.1)
  string(MAKE_C_IDENTIFIER ${lib} id)
  pkg_check_modules(${id} REQUIRED IMPORTED_TARGET ${lib})
endforeach()
find_package(OpenSSL 3 REQUIRED)
find_package(ZLIB REQUIRED)
find_program(PROTOC_C NAMES protoc-c REQUIRED)

# Warnings for our own code; generated and foreign code does not get them.
add_library(meridian_warnings INTERFACE)
target_compile_options(meridian_warnings INTERFACE
  -Wall -Wextra -Werror -Wformat=2 -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
  -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough -Wpointer-arith -Wwrite-strings)

# Hardening: every flag is probed, so that an older compiler builds without it and a newer one gains it.
set(MERIDIAN_HARDENING)
foreach(flag -fstack-clash-protection -fstack-protector-strong -fcf-protection=full -ftrivial-auto-var-init=zero
        -fno-delete-null-pointer-checks -fno-strict-overflow -fstrict-flex-arrays=3)
  string(MAKE_C_IDENTIFIER "HAVE_${flag}" id)
  check_c_compiler_flag(${flag} ${id})
  if(${id})
    list(APPEND MERIDIAN_HARDENING ${flag})
  endif()
endforeach()
add_compile_options(${MERIDIAN_HARDENING} -fPIE -fno-omit-frame-pointer)
add_compile_definitions(_GNU_SOURCE)
foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code)
  string(MAKE_C_IDENTIFIER "HAVE_${flag}" id)
  check_linker_flag(C ${flag} ${id})
  if(${id})
    add_link_options(${flag})
  endif()
endforeach()
add_link_options(-pie)
if(MERIDIAN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link) # coverage of the libraries too, or the fuzzers search blindly
endif()
if(MERIDIAN_SANITIZE)
  add_compile_options(-fsanitize=${MERIDIAN_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MERIDIAN_SANITIZE})
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1")

# The include wall: "base/buf.h" is found only by targets that link `base`, because each module's public include
# folder holds a single link to that module. A forbidden include therefore fails to compile.
function(meridian_include_wall target module dir)
  set(wall ${CMAKE_BINARY_DIR}/include/${module})
  file(MAKE_DIRECTORY ${wall})
  file(CREATE_LINK ${dir} ${wall}/${module} SYMBOLIC)
  target_include_directories(${target} PUBLIC ${wall} ${CMAKE_SOURCE_DIR}/include)
endfunction()

macro(meridian_not_empty list)
  if(NOT ${list})
    file(WRITE ${CMAKE_BINARY_DIR}/empty.c "typedef int empty;\n")
    set(${list} ${CMAKE_BINARY_DIR}/empty.c)
  endif()
endmacro()

# meridian_module(name [PUBLIC targets...] [PRIVATE targets...]): a static library of all .c files beside the caller.
function(meridian_module name)
  cmake_parse_arguments(M "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  meridian_not_empty(sources)
  add_library(${name} STATIC ${sources})
  meridian_include_wall(${name} ${name} ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${M_PUBLIC} PRIVATE ${M_PRIVATE} meridian_warnings)
endfunction()

# meridian_sql(target prefix [folder]): embeds sql/*.sql (or folder/*.sql) beside the caller as `const struct db_statement sql_<prefix>_<file>`,
# declared in the generated header "<prefix>_sql.h", with the list `sql_<prefix>_all` for db_pool_open.
function(meridian_sql target prefix)
  set(dir ${CMAKE_CURRENT_SOURCE_DIR}/sql)
  if(ARGC GREATER 2)
    set(dir ${CMAKE_CURRENT_SOURCE_DIR}/${ARGV2})
  endif()
  set(out ${CMAKE_CURRENT_BINARY_DIR}/sql)
  file(GLOB files CONFIGURE_DEPENDS ${dir}/*.sql)
  add_custom_command(
    OUTPUT ${out}/${prefix}_sql.c ${out}/${prefix}_sql.h
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DPREFIX=${prefix} -DDIR=${dir}
            -P ${CMAKE_SOURCE_DIR}/common/embed_sql.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/common/embed_sql.cmake VERBATIM)
  target_sources(${target} PRIVATE ${out}/${prefix}_sql.c ${out}/${prefix}_sql.h)
  target_include_directories(${target} PUBLIC ${out})
endfunction()

# meridian_service(name [links...]): services/<name>/ as library `<name>_core` (so that tests link it) and the program
# `meridian-<name>`; main.c is the only file outside the library.
function(meridian_service name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/main.c)
  meridian_not_empty(sources)
  add_library(${name}_core STATIC ${sources})
  meridian_include_wall(${name}_core ${name} ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name}_core PUBLIC ${ARGN} PRIVATE meridian_warnings)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/sql)
    meridian_sql(${name}_core ${name})
  endif()
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/main.c)
    add_executable(meridian-${name} ${CMAKE_CURRENT_SOURCE_DIR}/main.c)
    target_link_libraries(meridian-${name} PRIVATE ${name}_core meridian_warnings)
  endif()
endfunction()
