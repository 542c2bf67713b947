"""French for the words of the page."""

FRENCH: dict[str, str] = {
    # head, foot and tabs
    "What a joint diffusion model sees in a red blood cell": (
        "Ce qu’un modèle de diffusion conjoint voit dans un globule rouge"
    ),
    "Research use only, not for diagnosis": "Usage de recherche uniquement, pas pour le diagnostic",
    "Research use only, not for diagnosis.": "Usage de recherche uniquement, pas pour le diagnostic.",
    "One cell": "Une cellule",
    "Many cells": "Plusieurs cellules",
    "How to read this": "Comment lire cette page",
    "Glossary": "Glossaire",
    # upload
    "Upload one red blood cell from a Giemsa-stained thin smear, or pick an example. You get:": (
        "Déposez un globule rouge d’un frottis mince coloré au Giemsa, ou choisissez un exemple. Vous obtenez :"
    ),
    "two verdicts, from a classifier and from how likely the model finds the cell under each class;": (
        "deux verdicts : celui d’un classifieur, et celui de la vraisemblance de la cellule sous chaque classe ;"
    ),
    "a map of where the evidence lies;": "une carte des indices ;",
    "on request, the smallest edit that changes the verdict: the parasite removed, or added.": (
        "à la demande, la plus petite retouche qui change le verdict : le parasite retiré, ou ajouté."
    ),
    "Cell": "Cellule",
    "Drop a cell image here or click to upload": "Déposez ici l’image d’une cellule ou cliquez",
    "What was found": "Ce qui a été trouvé",
    "Use the picture as it is": "Utiliser l’image telle quelle",
    "Examples, drawn by the model": "Exemples, dessinés par le modèle",
    "Upload a cell first: this page no longer holds one.": "Déposez d’abord une cellule : cette page n’en a plus.",
    # settings
    "Advanced": "Réglages",
    "Draws": "Tirages",
    "More are slower and more precise": "Plus de tirages : plus lent et plus précis",
    "Seed": "Graine",
    "Same seed, same numbers": "Même graine, mêmes nombres",
    "Explain again": "Expliquer à nouveau",
    "Strength of the edit": "Force de la retouche",
    "Smallest change that flips": "Le plus petit changement qui bascule",
    "Fixed strength": "Force fixée",
    "Starting noise, in steps": "Bruit de départ, en pas",
    "Guidance": "Guidage",
    # verdicts
    "Parasitized": "Parasitée",
    "Uninfected": "Saine",
    "Classifier": "Classifieur",
    "Likelihood": "Vraisemblance",
    "Comparing how likely the cell is under each class …": "Comparaison de la vraisemblance sous chaque classe …",
    "Both verdicts agree; by likelihood {share}.": "Les deux verdicts concordent ; par vraisemblance {share}.",
    "The two verdicts disagree": "Les deux verdicts se contredisent",
    "Trust neither.": "Ne vous fiez à aucun.",
    "Not sure ({share} {name})": "Incertain ({share} {name})",
    "This does not look like a stained red cell": "Ceci ne ressemble pas à un globule rouge coloré",
    "The model has seen nothing like it: read nothing into the figures.": (
        "Le modèle n’a rien vu de semblable : ne tirez rien des chiffres."
    ),
    # evidence and likelihood
    "Where the evidence lies": "Où sont les indices",
    "The cell": "La cellule",
    "Evidence map": "Carte des indices",
    "Gradient saliency": "Saillance par gradient",
    "Compare with the classifier’s gradient": "Comparer au gradient du classifieur",
    "speaks for {label}": "plaide pour {label}",
    "no evidence": "aucun indice",
    "weak gradient": "gradient faible",
    "strong gradient": "gradient fort",
    "full colour: {scale} log-odds a pixel": "pleine couleur : {scale} log-cote par pixel",
    "How likely the cell is under each class": "Vraisemblance de la cellule sous chaque classe",
    "{difference} ± {error} nats, {draws} paired draws": "{difference} ± {error} nats, {draws} tirages appariés",
    "No clear difference between the classes ({numbers}).": "Pas de différence nette entre les classes ({numbers}).",
    "The cell is likelier as {name} (by {numbers}).": "La cellule est plus vraisemblable comme {name} (de {numbers}).",
    "ELBO, nats": "ELBO, nats",
    "standard error": "erreur type",
    "Difference": "Différence",
    "nats relative to the mean (right: likelier)": "nats autour de la moyenne (à droite : plus vraisemblable)",
    "How to read the chart": "Lire le graphique",
    # edit
    "What would change the verdict": "Ce qui changerait le verdict",
    "What would change the verdict?": "Qu’est-ce qui changerait le verdict ?",
    "Remove parasite": "Retirer le parasite",
    "Add parasite": "Ajouter un parasite",
    "Stop": "Arrêter",
    "Stopped. Nothing was kept of the unfinished edit.": "Arrêté. Rien n’a été gardé de la retouche inachevée.",
    "“{button}” is off: the classifier already says {label}.": (
        "« {button} » est inactif : le classifieur dit déjà {label}."
    ),
    "Looking for the way back to noise …": "Recherche du chemin vers le bruit …",
    "Two more strengths …": "Deux autres forces …",
    "attempt {attempt} of {attempts}, guidance {guidance}, step {step} of {steps}": (
        "essai {attempt} sur {attempts}, guidage {guidance}, pas {step} sur {steps}"
    ),
    "at most {seconds} s left": "encore {seconds} s au plus",
    "The edit so far": "La retouche en cours",
    "This edit works: classifier and likelihood both say {target} now.": (
        "Cette retouche réussit : classifieur et vraisemblance disent maintenant {target}."
    ),
    "This edit failed: {reason}.": "Cette retouche a échoué : {reason}.",
    "the classifier gives {target} {share}, short of {least}": "le classifieur donne {share} à {target}, sous {least}",
    "the likelihood gives {target} {share}, short of {least}": (
        "la vraisemblance donne {share} à {target}, sous {least}"
    ),
    " and ": " et ",
    "It explains nothing.": "Elle n’explique rien.",
    "What you see is the strongest attempt and explains nothing.": (
        "Vous voyez l’essai le plus fort ; il n’explique rien."
    ),
    "before": "avant",
    "after": "après",
    "verdict changed": "verdict changé",
    "yes": "oui",
    "no": "non",
    "said so before": "déjà avant",
    "Before | after": "Avant | après",
    "Slider": "Curseur",
    "Alternating": "Alternance",
    "Change map": "Carte des changements",
    "now darker": "plus sombre",
    "unchanged": "inchangé",
    "now brighter": "plus clair",
    "change in luminance, of 255": "changement de luminance, sur 255",
    "Hide changes below (of 255)": "Masquer les changements sous (sur 255)",
    "Opacity of the colours (%)": "Opacité des couleurs (%)",
    "Outline what changed visibly": "Entourer ce qui a visiblement changé",
    "{share} of the cell changed visibly; a pixel moved by {distance} of 255 on average.": (
        "{share} de la cellule a visiblement changé ; un pixel a bougé de {distance} sur 255 en moyenne."
    ),
    "Guidance {guidance}, attempt {attempt} of at most {attempts}.": (
        "Guidage {guidance}, essai {attempt} sur {attempts} au plus."
    ),
    "Likelihood of the edit from {draws} draws.": "Vraisemblance de la retouche sur {draws} tirages.",
    "Compare a weaker and a stronger edit": "Comparer une retouche plus faible et une plus forte",
    "Weaker": "Plus faible",
    "As above": "Comme ci-dessus",
    "Stronger": "Plus forte",
    "Turns both verdicts": "Renverse les deux verdicts",
    "Does not turn both verdicts": "Ne renverse pas les deux verdicts",
    "Guidance {guidance}, starting noise {noise}.": "Guidage {guidance}, bruit de départ {noise}.",
    "Keep before and after (animated WebP)": "Garder avant et après (WebP animé)",
    "Prepare report": "Préparer le rapport",
    "Download report (ZIP)": "Télécharger le rapport (ZIP)",
    # many cells
    "Drop several images of one cell each, or a ZIP of them. Every cell gets its verdicts; press one in the table to "
    "see its evidence. Nothing is kept beyond the session.": (
        "Déposez plusieurs images d’une cellule chacune, ou un ZIP. Chaque cellule reçoit ses verdicts ; cliquez sur "
        "une ligne du tableau pour voir ses indices. Rien n’est conservé après la session."
    ),
    "Images, or a ZIP of them": "Images, ou un ZIP d’images",
    "Download table (CSV)": "Télécharger le tableau (CSV)",
    "with edits": "avec retouches",
    "About a second a cell more": "Environ une seconde de plus par cellule",
    "Prepare reports (ZIP)": "Préparer les rapports (ZIP)",
    "Download reports (ZIP)": "Télécharger les rapports (ZIP)",
    "Reports": "Rapports",
    "The reports are ready.": "Les rapports sont prêts.",
    "Stopped. What was done stays:": "Arrêté. Ce qui était fait reste :",
    "File": "Fichier",
    "Verdict": "Verdict",
    "Remarks": "Remarques",
    "Unclear": "Incertain",
    "not read": "non lu",
    "verdicts disagree": "verdicts en désaccord",
    "not sure": "pas sûr",
    "unfamiliar": "inhabituel",
    "several cells": "plusieurs cellules",
    "no cell found": "aucune cellule trouvée",
    "{done} of {total}": "{done} sur {total}",
    "about {time} left": "encore environ {time}",
    "{count} cell: {verdicts}.": "{count} cellule : {verdicts}.",
    "{count} cells: {verdicts}.": "{count} cellules : {verdicts}.",
    "No cell could be read.": "Aucune cellule n’a pu être lue.",
    "{count} file could not be read; the table says why.": (
        "{count} fichier n’a pas pu être lu ; le tableau dit pourquoi."
    ),
    "{count} files could not be read; the table says why.": (
        "{count} fichiers n’ont pas pu être lus ; le tableau dit pourquoi."
    ),
    "Only the first {taken} of {total} files were taken.": "Seuls {taken} des {total} fichiers ont été pris.",
}
