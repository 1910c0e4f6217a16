# GILDIAG_BPF=AUTO|ON|OFF: is there what the eBPF probe is built with?  Sets GILDIAG_HAS_BPF, and
# gd_bpf_skeleton(): from a program for the kernel to the header that carries it.
set(GILDIAG_BPF AUTO CACHE STRING "build gildiag-probe: AUTO (where it can be built), ON or OFF")
set_property(CACHE GILDIAG_BPF PROPERTY STRINGS AUTO ON OFF)

set(GILDIAG_HAS_BPF OFF)
if(GILDIAG_BPF)
  find_program(GD_CLANG NAMES clang clang-14 clang-15 clang-16 clang-17 clang-18 clang-19)
  find_program(GD_BPFTOOL bpftool PATHS /usr/sbin /sbin)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(LIBBPF QUIET IMPORTED_TARGET libbpf>=1.1)
  set(missing "")
  if(NOT GD_CLANG)
    list(APPEND missing clang)
  endif()
  if(NOT GD_BPFTOOL)
    list(APPEND missing bpftool)
  endif()
  if(NOT LIBBPF_FOUND)
    list(APPEND missing "libbpf-dev (1.1 or later)")
  endif()
  list(JOIN missing ", " missing)
  if(NOT missing)
    set(GILDIAG_HAS_BPF ON)
  elseif(GILDIAG_BPF STREQUAL "AUTO")
    message(STATUS "gildiag-probe (eBPF) is not built, missing: ${missing}")
  else()
    message(FATAL_ERROR "gildiag-probe (eBPF) cannot be built, missing: ${missing}")
  endif()
endif()

# Where asm/types.h is: multiarch keeps it out of the default path of the BPF target.
set(GD_BPF_SYSTEM_INCLUDE /usr/include/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu)

# gd_bpf_skeleton(target source): <name>.bpf.c becomes <name>.skel.h, which target includes.
function(gd_bpf_skeleton target source)
  string(REGEX REPLACE "^.*/(.*)\\.bpf\\.c$" "\\1" name ${source})
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(header ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h)
  add_custom_command(OUTPUT ${object}
    COMMAND ${GD_CLANG} -target bpf -mcpu=v3 -O2 -g -ffreestanding -Wall -Wextra -Werror
      -Wno-unused-parameter -D__TARGET_ARCH_x86 -I${PROJECT_SOURCE_DIR}/include -I${PROJECT_SOURCE_DIR}/probe
      -I${GD_BPF_SYSTEM_INCLUDE} -MD -MF ${object}.d -c ${source} -o ${object}
    DEPENDS ${source} DEPFILE ${object}.d COMMENT "BPF ${name}" VERBATIM)
  add_custom_command(OUTPUT ${header}
    COMMAND sh -c "\"$0\" gen skeleton \"$1\" name \"$2\" >\"$3\"" ${GD_BPFTOOL} ${object}
      ${name}_bpf ${header}
    DEPENDS ${object} COMMENT "skeleton ${name}" VERBATIM)
  # Before anything of the target is compiled, also where an older one is there.
  add_custom_target(${target}_${name}_skeleton DEPENDS ${header})
  add_dependencies(${target} ${target}_${name}_skeleton)
  target_sources(${target} PRIVATE ${header})
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
endfunction()
