#include "harness/report/x86_odds.hpp"

#include <cstddef>

namespace harness {

namespace {

// Bits of each byte as a prefix or opcode, 'a' for 0: of .text of Linux 5.10 and 6.12 without int3,
// rounded; 'u' for 20 and more.
constexpr std::string_view first_byte =
    "risjumuunjqnqnueupupupuuumuupuuupkrlqkuutirktniungqnssuumhojkktu"
    "kemoghppdflmfhnolonhhgijlmkhhgiiuuuiuigummlquuuusukkggkkkmuunnkl"
    "hiufifunjdpeqgqriuuuuuuulouumouuuuuuqopujlrluuuuuuuuuuuuhiilllhj"
    "mhuguuifujuuuuuspmukuuuuuuusuuuuuuuuquoueguhqqpqjuuhsuijtumnqtui";

// Likewise of the byte behind 0f.
constexpr std::string_view second_byte =
    "nkqqtttqtotettttttttttttmtttttedmnmmttttttttttttjmjpttttqttttttt"
    "trijggiiikttkljjtttttttttttttttttttttttttttttttttttttttqtttttttt"
    "otggcchghittkkhgqtjlhhlkptttnomlttkgtqtttttjmolinitkttdetjitijji"
    "ohtntttoknnppqnntttttttttttttttttttttttttttttttttttttttttttttttt";
static_assert(first_byte.size() == 256 && second_byte.size() == 256);

constexpr int byte_bits = 8;

int bits_of(std::string_view table, char byte) {
  return table[static_cast<unsigned char>(byte)] - 'a';
}

bool is_prefix(char byte) {
  constexpr std::string_view legacy("\x66\x67\x2e\x36\x3e\x26\x64\x65\xf0\xf2\xf3", 11);
  return (byte & 0xf0) == 0x40 || legacy.find(byte) != std::string_view::npos;
}

} // namespace

int odds_bits(std::string_view instruction) {
  int bits = 0;
  std::size_t i = 0;
  while (i < instruction.size() && is_prefix(instruction[i]))
    bits += bits_of(first_byte, instruction[i++]);
  if (i == instruction.size())
    return bits;
  bits += bits_of(first_byte, instruction[i]);
  if (instruction[i++] == '\x0f' && i < instruction.size())
    bits += bits_of(second_byte, instruction[i++]);
  return bits + byte_bits * static_cast<int>(instruction.size() - i);
}

} // namespace harness
